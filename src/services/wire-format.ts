import type { FeedControlEvent, RoomActivity } from '../core/events.ts';
import type { EventId } from '../core/ids.ts';
import type { LoggedEvent } from './room-feed.ts';

/** How events are written to subscriptions, so that fan-out knows nothing of the protocol. */
export interface WireFormat {
  /** Messages for events, one each, in order. */
  events(entries: readonly Pick<LoggedEvent, 'id' | 'json'>[]): EncodedMessages;
  /** The message for a room's activity. */
  activity(activity: RoomActivity): EncodedMessages;
}

/** Messages that are encoded but for the subscription they are for. */
export interface EncodedMessages {
  /**
   * The messages for one subscription, as one piece of bytes; mostly the same piece for equal ids, which
   * clients of one kind have that have made the same calls.
   *
   * @param requestId - the client's id of its subscription, as JSON text
   */
  for(requestId: string): Uint8Array;
}

/** What moves a subscription's cursor without telling anything: everything up to `id` has been written. */
export function positionAt(id: EventId): Pick<LoggedEvent, 'id' | 'json'> {
  return { id, json: JSON.stringify({ type: 'subscribed' } satisfies FeedControlEvent) };
}
