import { TRPCClientError } from '@trpc/client';
import type { AppCode } from '../../src/core/errors.ts';

/** What can go wrong on this side of the wire, and whether the same call can succeed later. */
const localErrors = {
  CONNECTION_LOST: { retryable: true, message: 'The connection was lost' },
  TIMED_OUT: { retryable: true, message: 'The server did not answer in time' },
  CLOSED: { retryable: false, message: 'The client or the room is closed' },
  GIFT_UNANSWERED: { retryable: true, message: 'Whether the gift was sent is not known yet' },
  GIFT_NOT_SENT: { retryable: true, message: 'The gift did not reach the server; nothing was charged' },
  MICROPHONE_DENIED: { retryable: false, message: 'The user or the browser denied the microphone' },
  MICROPHONE_NOT_FOUND: { retryable: false, message: 'There is no microphone' },
  MICROPHONE_UNAVAILABLE: { retryable: false, message: 'The microphone cannot be opened' },
  MEDIA_BLOCKED: { retryable: true, message: 'No audio gets through to the server' },
  AUDIO_UNSUPPORTED: { retryable: false, message: 'This browser cannot take part in calls' },
} as const;

export type LocalCode = keyof typeof localErrors;

/** Every code that an error of the SDK can carry: the server's table and the SDK's own. */
export type FlyLiveCode = AppCode | LocalCode;

/** What `BANNED` tells of the ban. */
export interface BanFacts {
  /** When it ends, ms since the epoch; null: never. */
  readonly until: number | null;
  readonly reason: string | null;
}

/** The one error that the SDK throws. */
export class FlyLiveError extends Error {
  override readonly name = 'FlyLiveError';
  readonly code: FlyLiveCode;
  /** Whether the same call can succeed later without being changed. */
  readonly retryable: boolean;
  /** How long to wait before that, in ms, when the server said so. */
  readonly retryAfterMs: number | undefined;
  /** Of `BANNED`, when the server said so. */
  readonly ban: BanFacts | undefined;

  constructor(
    code: FlyLiveCode,
    options: {
      message: string;
      retryable: boolean;
      retryAfterMs?: number | undefined;
      ban?: BanFacts | undefined;
      cause?: unknown;
    },
  ) {
    super(options.message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.ban = options.ban;
  }
}

/**
 * `GIFT_UNANSWERED`: the server may have accepted the gift or not. The SDK finds out and tells; whoever sends it again
 * must do so under the same id.
 */
export class GiftError extends FlyLiveError {
  /** Of a gift to one member; null of one to several. */
  readonly transactionId: string | null;
  /** Of a gift to several members; null of one to one. */
  readonly batchId: string | null;

  constructor(ids: { readonly transactionId: string | null; readonly batchId: string | null }, cause: unknown) {
    super('GIFT_UNANSWERED', { ...localErrors.GIFT_UNANSWERED, cause });
    this.transactionId = ids.transactionId;
    this.batchId = ids.batchId;
  }
}

/** An error of this side of the wire. */
export function localError(code: LocalCode, cause?: unknown): FlyLiveError {
  return new FlyLiveError(code, { ...localErrors[code], cause });
}

/** Turns whatever a call threw into a {@link FlyLiveError}; one that came without an answer is `CONNECTION_LOST`. */
export function toFlyLiveError(error: unknown): FlyLiveError {
  if (error instanceof FlyLiveError) return error;
  if (!(error instanceof TRPCClientError)) {
    return new FlyLiveError('INTERNAL', { message: String(error), retryable: false, cause: error });
  }
  const data: unknown = error.data;
  if (typeof data !== 'object' || data === null) return localError('CONNECTION_LOST', error);
  const { appCode, retryable, retryAfterMs, until, reason } = data as {
    appCode?: AppCode;
    retryable?: boolean;
    retryAfterMs?: number | null;
    until?: number | null;
    reason?: string | null;
  };
  return new FlyLiveError(appCode ?? 'INTERNAL', {
    message: error.message,
    retryable: retryable ?? false,
    retryAfterMs: retryAfterMs ?? undefined,
    ban: appCode === 'BANNED' && until !== undefined ? { until, reason: reason ?? null } : undefined,
    cause: error,
  });
}

/** The same error, marked as one that repeating can mend. */
export function retryableError(error: FlyLiveError): FlyLiveError {
  const { message, retryAfterMs } = error;
  return new FlyLiveError(error.code, { message, retryable: true, retryAfterMs, cause: error.cause });
}
