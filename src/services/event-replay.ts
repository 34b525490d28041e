import type { FeedEvent, Topic } from '../core/events.ts';
import { compareEventIds, type EventId } from '../core/ids.ts';
import type { EventReader } from './event-reader.ts';
import { type FeedEntry, type FeedFilter, isFor, type RoomFeed } from './room-feed.ts';
import type { RoomStore } from './room-store.ts';

/** An event as a subscription delivers it, with the cursor that a reconnect resumes from. */
export interface DeliveredEvent<T extends Topic> {
  readonly id: EventId;
  readonly event: FeedEvent<T>;
}

/** Reads what a subscriber has missed, from memory or Redis. */
export class EventReplay {
  readonly #reader: EventReader;
  readonly #store: RoomStore;

  constructor(reader: EventReader, store: RoomStore) {
    this.#reader = reader;
    this.#store = store;
  }

  /**
   * Delivers every event after `cursor` until the feed's memory reaches on from there. A cursor that the log does not
   * have any more (or never had) is answered with one `resync`, from whose snapshot on nothing is missed.
   *
   * @returns the position that has been reached
   */
  async *catchUp<T extends Topic>(
    feed: RoomFeed,
    filter: FeedFilter & { readonly topic: T },
    cursor: EventId,
  ): AsyncGenerator<DeliveredEvent<T>, EventId> {
    for (;;) {
      const missed = await this.#after(feed, cursor);
      if (missed === null) {
        const snapshot = await this.#store.read(feed.roomId);
        cursor = snapshot.cursor;
        yield { id: cursor, event: { type: 'resync', snapshot } };
      } else if (missed.length === 0) {
        return cursor;
      } else {
        for (const entry of missed) {
          cursor = entry.id;
          // The filter chose the topic, which TypeScript cannot follow.
          if (isFor(entry, filter)) yield { id: cursor, event: entry.event as FeedEvent<T> };
        }
      }
    }
  }

  /** What comes after a cursor: from memory, else from Redis; null when the cursor is no position of this log. */
  async #after(feed: RoomFeed, cursor: EventId): Promise<readonly FeedEntry[] | null> {
    if (feed.has(cursor)) return feed.after(cursor);
    const entries = await this.#reader.readAfter(feed.roomId, cursor);
    // A cursor beyond our head was given out by a node that has read further; the broadcast skips up to it.
    const ahead = entries !== null && compareEventIds(cursor, feed.head) > 0;
    return ahead ? [] : entries;
  }
}
