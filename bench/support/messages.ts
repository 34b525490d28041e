import type { ProcessUsage } from '../../test/support/process-usage.ts';

/** What the process of a plain contestant is asked. */
export type ServerRequest =
  { readonly type: 'publish'; readonly events: readonly string[] } | { readonly type: 'usage' };

/** What it says: where it listens, once; then answers. */
export type ServerReply = { readonly port: number } | { readonly usage: ProcessUsage } | { readonly done: true };

/** How a contestant's server is spoken to. */
export type Protocol = 'flylive' | 'ws' | 'socket.io';

export interface OpenRequest {
  readonly type: 'open';
  readonly protocol: Protocol;
  readonly url: string;
  /** One a client; empty strings where nobody asks. */
  readonly tokens: readonly string[];
  readonly roomId: string;
  /** Give every client request ids of its own, as clients have that made other calls before. */
  readonly distinctIds: boolean;
}

/** What the process of the clients is asked. */
export type ClientRequest =
  | OpenRequest
  /** Answer when that many events have arrived in all since the last answer. */
  | { readonly type: 'await'; readonly events: number }
  /** Stop reading with that many clients. */
  | { readonly type: 'pause'; readonly clients: number }
  /** Call again and again with every client, one call at a time each. */
  | { readonly type: 'call'; readonly seconds: number };

export interface CallResult {
  /** Time of each call, ms. */
  readonly latencies: readonly number[];
  readonly seconds: number;
}

export type ClientReply =
  | { readonly done: true }
  /** When the last event arrived, ms since the epoch. */
  | { readonly at: number }
  | CallResult;

/** Now, in ms since the epoch, with parts of a ms; comparable between processes of one machine. */
export const preciseNow = (): number => performance.timeOrigin + performance.now();
