import type { ByteSink } from '../services/byte-sink.ts';

/**
 * What a subscription yields, in the place of an event, to have its socket fed by a broadcast from then on.
 *
 * tRPC would run every event through every subscriber's generator, encode it there, and send without looking at what the
 * client reads; the broadcast encodes once for all. The marker reaches the socket through tRPC's own path (adapter,
 * transformer, encoder, `send`), which tells it the request id; see http/event-socket.ts for the other end.
 */
export class HandOver {
  /** Called synchronously where the event would have been sent. */
  readonly take: (sink: ByteSink, requestId: string) => void;

  constructor(take: (sink: ByteSink, requestId: string) => void) {
    this.take = take;
  }
}
