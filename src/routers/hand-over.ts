import type { ByteSink } from '../services/byte-sink.ts';

/** What a broadcast needs to write to a subscription. */
export interface HandedOver {
  readonly sink: ByteSink;
  /** The client's id of the subscription, as JSON text. */
  readonly requestId: string;
}

/**
 * What a subscription yields first, in the place of an event, to learn the socket and request id under it, so that a
 * broadcast can feed them.
 *
 * tRPC would run every event through every subscriber's generator, encode it there, and send without looking at what the
 * client reads; the broadcast encodes once for all. The marker reaches the socket through tRPC's own path (adapter,
 * transformer, encoder, `send`); see http/event-socket.ts for the other end.
 */
export class HandOver {
  /** Called synchronously where the event would have been sent; never when the socket is closing. */
  readonly take: (sink: ByteSink, requestId: string) => void;

  constructor(take: (sink: ByteSink, requestId: string) => void) {
    this.take = take;
  }
}
