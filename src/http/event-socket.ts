import type { Socket } from 'node:net';
import type { Encoder } from '@trpc/server/adapters/ws';
import { WebSocket } from 'ws';
import { type HandedOver, HandOver } from '../routers/hand-over.ts';
import type { SubscriptionSink } from '../services/room-subscription.ts';
import type { InboundThrottle } from './inbound-throttle.ts';
import { encodeFailure, encodeStopped } from './trpc-wire-format.ts';

/**
 * The server's side of a WebSocket: takes frames that were made once for many, beside what tRPC sends, and keeps the
 * subscriptions that were handed over to it.
 */
export class EventSocket extends WebSocket implements SubscriptionSink {
  #tcp: Socket | null = null;
  /** By request id, as JSON text. */
  readonly #subscriptions = new Map<string, HandedOver>();
  /** Request ids for which tRPC has not said `stopped` yet since the subscription was handed over. */
  readonly #leavingTrpc = new Set<string>();
  /** Messages that were read with the one that the throttle paused at; no more than a read from TCP holds, 64 KiB. */
  readonly #unhandled: (readonly unknown[])[] = [];
  #paused = false;

  /**
   * Names the TCP (or TLS) connection under this socket, on which shared frames are written. Without per-message deflate
   * ws writes there synchronously too, so the order of messages is the order of calls.
   */
  bind(tcp: Socket): void {
    this.#tcp = tcp;
    this.once('close', () => {
      for (const subscription of this.#subscriptions.values()) subscription.stop();
      this.#subscriptions.clear();
      this.#unhandled.length = 0;
    });
  }

  /** Stops reading, and handling what has been read: one read may hold hundreds of calls. */
  override pause(): void {
    this.#paused = true;
    super.pause();
  }

  /** Handles what was read before, until paused again, then goes on reading. */
  override resume(): void {
    this.#paused = false;
    while (this.#unhandled.length > 0 && !this.#paused) super.emit('message', ...(this.#unhandled.shift() ?? []));
    if (!this.#paused) super.resume();
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (event !== 'message' || !this.#paused) return super.emit(event, ...values);
    this.#unhandled.push(values);
    return true;
  }

  get writable(): boolean {
    return this.readyState === WebSocket.OPEN;
  }

  get bufferedBytes(): number {
    return this.bufferedAmount;
  }

  write(bytes: Uint8Array): void {
    if (this.writable) this.#tcp?.write(bytes);
  }

  fail(requestId: string, path: string, error: unknown): void {
    this.#subscriptions.delete(requestId);
    if (!this.writable) return;
    super.send(encodeFailure(requestId, path, error));
    super.send(encodeStopped(requestId));
  }

  /** Takes a subscription over from tRPC, unless another one has its id. */
  takeOver(marker: HandOver, requestId: string): void {
    if (this.#subscriptions.has(requestId)) return;
    this.#subscriptions.set(requestId, marker.take(this, requestId));
    this.#leavingTrpc.add(requestId);
  }

  /** Whether a `stopped` of tRPC means only that a subscription goes on without it; asked once. */
  hasLeftTrpc(requestId: string): boolean {
    return this.#leavingTrpc.delete(requestId);
  }

  /** Ends a subscription that was handed over, at the client's wish. */
  unsubscribe(requestId: string): void {
    const subscription = this.#subscriptions.get(requestId);
    if (subscription === undefined) return;
    this.#subscriptions.delete(requestId);
    subscription.stop();
    if (this.writable) super.send(encodeStopped(requestId));
  }

  override send(data: Parameters<WebSocket['send']>[0], ...rest: unknown[]): void {
    if (data !== nothing) super.send(data, ...(rest as []));
  }
}

/** What the encoder makes of messages that are not for the client. */
const nothing = new Uint8Array(0);

/** JSON, but for subscriptions that are handed over to the socket; what comes in is counted. */
export function makeEncoder(socket: EventSocket, throttle: Pick<InboundThrottle, 'count'>): Encoder {
  return {
    encode: (message) => {
      const { id, result } = message as { id?: unknown; result?: { type?: unknown; data?: { json?: unknown } } };
      // superjson leaves instances of classes that it does not know as they are.
      const value = result?.data?.json;
      if (value instanceof HandOver) {
        socket.takeOver(value, JSON.stringify(id));
        return nothing;
      }
      if (result?.type === 'stopped' && socket.hasLeftTrpc(JSON.stringify(id))) return nothing;
      return JSON.stringify(message);
    },
    decode: (data) => {
      throttle.count(1);
      if (typeof data !== 'string') throw new TypeError('Messages are JSON in text frames');
      const message = JSON.parse(data) as unknown;
      const calls: readonly unknown[] = Array.isArray(message) ? message : [message];
      // A batch counts by its calls; the frame itself counts for the first.
      if (calls.length > 1) throttle.count(calls.length - 1);
      for (const call of calls) {
        const { id, method } = (call ?? {}) as { id?: unknown; method?: unknown };
        if (method === 'subscription.stop' && id !== undefined) socket.unsubscribe(JSON.stringify(id));
      }
      return message;
    },
  };
}
