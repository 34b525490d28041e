import type { SubscriptionSink } from '../services/room-subscription.ts';

/** A subscription that goes on without tRPC. */
export interface HandedOver {
  /** The procedure's name, for errors. */
  readonly path: string;
  /** The client has unsubscribed or is gone. Again without effect. */
  stop(): void;
}

/**
 * What a subscription yields last, in the place of an event, to go on without tRPC: the socket takes it, with the
 * client's request id, and leaves out the `stopped` by which tRPC ends its own part.
 *
 * tRPC would run every event through every subscriber's generator, encode it there, send without looking at what the
 * client reads, and keep 11 KiB for each open subscription; handed over it is one small object that a broadcast feeds.
 * The marker reaches the socket through tRPC's own path (adapter, transformer, encoder); see http/event-socket.ts for
 * the other end.
 */
export class HandOver {
  readonly #begin: (sink: SubscriptionSink, requestId: string) => HandedOver;
  #taken = false;

  /** @param begin - called synchronously where the event would have been sent; never when the socket is closing */
  constructor(begin: (sink: SubscriptionSink, requestId: string) => HandedOver) {
    this.#begin = begin;
  }

  /** Whether a socket has taken the subscription. */
  get taken(): boolean {
    return this.#taken;
  }

  /** @param requestId - the client's id of the subscription, as JSON text */
  take(sink: SubscriptionSink, requestId: string): HandedOver {
    const handedOver = this.#begin(sink, requestId);
    this.#taken = true;
    return handedOver;
  }
}
