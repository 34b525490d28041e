import type { Socket } from 'node:net';
import type { Encoder } from '@trpc/server/adapters/ws';
import { WebSocket } from 'ws';
import { HandOver } from '../routers/hand-over.ts';
import type { ByteSink } from '../services/byte-sink.ts';
import type { InboundThrottle } from './inbound-throttle.ts';

/**
 * The server's side of a WebSocket: takes frames that were made once for many, beside what tRPC sends, and recognises the
 * marker by which a subscription hands itself over to a broadcast.
 */
export class EventSocket extends WebSocket implements ByteSink {
  #tcp: Socket | null = null;

  /**
   * Names the TCP (or TLS) connection under this socket, on which shared frames are written. Without per-message deflate
   * ws writes there synchronously too, so the order of messages is the order of calls.
   */
  bind(tcp: Socket): void {
    this.#tcp = tcp;
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

  override send(data: Parameters<WebSocket['send']>[0], ...rest: unknown[]): void {
    if (data instanceof HandOverFrame) data.handOver.take(this, data.requestId);
    else super.send(data, ...(rest as []));
  }
}

/** What the encoder makes of a hand-over: bytes by type, so that tRPC passes it on to `send`; none by content. */
class HandOverFrame extends Uint8Array<ArrayBuffer> {
  readonly handOver: HandOver;
  readonly requestId: string;

  constructor(handOver: HandOver, requestId: string) {
    super(new ArrayBuffer(0));
    this.handOver = handOver;
    this.requestId = requestId;
  }
}

/** JSON, but for hand-overs; what comes in is counted. */
export function makeEncoder(throttle: Pick<InboundThrottle, 'count'>): Encoder {
  return {
    encode: (message) => {
      const { id, result } = message as { id?: unknown; result?: { data?: { json?: unknown } } };
      // superjson leaves instances of classes that it does not know as they are.
      const handOver = result?.data?.json;
      return handOver instanceof HandOver ? new HandOverFrame(handOver, JSON.stringify(id)) : JSON.stringify(message);
    },
    decode: (data) => {
      throttle.count(1);
      if (typeof data !== 'string') throw new TypeError('Messages are JSON in text frames');
      const message = JSON.parse(data) as unknown;
      // A batch counts by its calls; the frame itself counts for the first.
      if (Array.isArray(message)) throttle.count(message.length - 1);
      return message;
    },
  };
}
