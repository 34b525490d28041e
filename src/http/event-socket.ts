import type { Socket } from 'node:net';
import type { Encoder } from '@trpc/server/adapters/ws';
import { WebSocket } from 'ws';
import { type HandedOver, HandOver } from '../routers/hand-over.ts';
import { longestPauseMs, pauseAboveBytes } from '../services/byte-sink.ts';
import type { SubscriptionSink } from '../services/room-subscription.ts';
import { type Delivery, Inbox, type InboxOptions } from './inbox.ts';
import { encodeFailure, encodeStopped } from './trpc-wire-format.ts';

/** How a server makes its {@link EventSocket}s: written frames must be on TCP at once, pongs wait for their turn. */
export const socketOptions = { perMessageDeflate: false, autoPong: false } as const;

export interface BindOptions extends Pick<InboxOptions, 'queue' | 'pay' | 'onFlood'> {
  /** Called when the client is cut because it does not read its answers. */
  readonly onUnread: () => void;
  /** How long it may leave more than 256 KiB unread, ms. Default 10 s. */
  readonly unreadMs?: number;
}

/**
 * The server's side of a WebSocket: takes frames that were made once for many, beside what tRPC sends, keeps the
 * subscriptions that were handed over to it, and lets tRPC have what the client sends as fast as the client's inbox says.
 */
export class EventSocket extends WebSocket implements SubscriptionSink {
  #tcp: Socket | null = null;
  #inbox: Inbox | null = null;
  #delivering: { readonly json: unknown } | null = null;
  #unread: NodeJS.Timeout | undefined;
  #unreadMs = longestPauseMs;
  #onUnread: () => void = () => undefined;
  /** By request id, as JSON text. */
  readonly #subscriptions = new Map<string, HandedOver>();
  /** Request ids for which tRPC has not said `stopped` yet since the subscription was handed over. */
  readonly #leavingTrpc = new Set<string>();

  /**
   * Names the TCP (or TLS) connection under this socket, on which shared frames are written. Without per-message deflate
   * ws writes there synchronously too, so the order of messages is the order of calls.
   */
  bind(tcp: Socket, { queue, pay, onFlood, onUnread, unreadMs = longestPauseMs }: BindOptions): void {
    this.#tcp = tcp;
    this.#onUnread = onUnread;
    this.#unreadMs = unreadMs;
    const inbox = new Inbox({
      queue,
      pay,
      onFlood,
      deliver: (delivery) => this.#deliver(delivery),
      read: (on) => (on ? this.resume() : this.pause()),
    });
    this.#inbox = inbox;
    this.once('close', () => {
      inbox.close();
      clearTimeout(this.#unread);
      for (const subscription of this.#subscriptions.values()) subscription.stop();
      this.#subscriptions.clear();
    });
  }

  /** What comes in goes to the inbox first. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (this.#inbox === null) return super.emit(event, ...values);
    switch (event) {
      case 'message':
        this.#inbox.add({ type: event, data: values[0] as Buffer, isBinary: values[1] === true });
        return true;
      case 'ping':
      case 'pong':
        this.#inbox.add({ type: event, data: values[0] as Buffer });
        return true;
      default:
        return super.emit(event, ...values);
    }
  }

  /** Handles nothing that the client sends until it is known who the client is. */
  async untilKnown<T>(known: Promise<T>): Promise<T> {
    this.#inbox?.hold('unknown');
    try {
      return await known;
    } finally {
      this.#inbox?.release('unknown');
    }
  }

  /** The message that tRPC is given in place of the frame that it has been told of; null when the frame holds it. */
  get delivering(): { readonly json: unknown } | null {
    return this.#delivering;
  }

  /** Notes that tRPC answers a call, or says that it could not read one (null). */
  answered(id: unknown): void {
    this.#inbox?.answered(id);
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

  cork(): void {
    this.#tcp?.cork();
  }

  uncork(): void {
    this.#tcp?.uncork();
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
    if (data === nothing) return;
    super.send(data, ...(rest as []));
    this.#stopIfUnread();
  }

  #deliver(delivery: Delivery): void {
    switch (delivery.type) {
      case 'json':
        // tRPC decodes while it is told, and gets what the inbox has unpacked.
        this.#delivering = delivery;
        super.emit('message', nothing, false);
        this.#delivering = null;
        return;
      case 'message':
        super.emit('message', delivery.data, delivery.isBinary);
        return;
      case 'ping':
        this.pong(delivery.data);
        this.#stopIfUnread();
        return;
      case 'pong':
        super.emit('pong', delivery.data);
    }
  }

  /**
   * Handles nothing more for a client that leaves its answers unread, until it has read what waits now, and cuts it when
   * that takes too long.
   */
  #stopIfUnread(): void {
    if (this.#unread !== undefined || this.#tcp === null || this.bufferedAmount <= pauseAboveBytes) return;
    this.#inbox?.hold('unread');
    this.#unread = setTimeout(() => {
      this.#onUnread();
      this.terminate();
    }, this.#unreadMs);
    // Called back when TCP has taken all that was written before.
    this.#tcp.write(nothing, () => {
      clearTimeout(this.#unread);
      this.#unread = undefined;
      this.#inbox?.release('unread');
    });
  }
}

/** What the encoder makes of messages that are not for the client. */
const nothing = Buffer.alloc(0);

/** JSON, but for subscriptions that are handed over to the socket. */
export function makeEncoder(socket: EventSocket): Encoder {
  return {
    encode: (message) => {
      const { id, result } = message as { id?: unknown; result?: { type?: unknown; data?: { json?: unknown } } };
      socket.answered(id);
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
      if (socket.delivering === null) {
        if (typeof data !== 'string') throw new TypeError('Messages are JSON in text frames');
        return JSON.parse(data) as unknown;
      }
      const { json } = socket.delivering;
      const { id, method } = (json ?? {}) as { id?: unknown; method?: unknown };
      if (method === 'subscription.stop' && id !== undefined) socket.unsubscribe(JSON.stringify(id));
      return json;
    },
  };
}
