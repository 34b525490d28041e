import type { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Connection } from '../services/connections.ts';
import type { Services } from '../services/index.ts';

/** What every procedure gets. Made once a WebSocket connection, or once an HTTP request. */
export interface Context {
  readonly services: Services;
  readonly logger: Logger;
  /** The WebSocket connection; null over HTTP. */
  readonly connection: Connection | null;
  /** Why authentication failed; null when it succeeded, or was not tried (HTTP). */
  readonly refusal: AppError | null;
  /** Why operators' procedures are refused; null for whoever has shown the internal key. */
  readonly adminRefusal: AppError | null;
}
