import type { FeedEvent, Topic } from '../core/events.ts';
import { compareEventIds, type EventId } from '../core/ids.ts';
import { type ByteSink, pauseAboveBytes, untilRead } from './byte-sink.ts';
import type { EventReader, LogPage } from './event-reader.ts';
import { type FeedFilter, isFor, type RoomFeed } from './room-feed.ts';
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
   * Delivers every event after `cursor` until the feed's memory reaches on from there, no faster than the client reads. A
   * cursor that the log does not have any more (or never had) is answered with one `resync`, from whose snapshot on
   * nothing is missed.
   *
   * @param sink - where the events end up
   * @returns the position that has been reached; events may be missing after it only when the client is cut
   */
  async *catchUp<T extends Topic>(
    feed: RoomFeed,
    filter: FeedFilter & { readonly topic: T },
    cursor: EventId,
    sink: ByteSink,
  ): AsyncGenerator<DeliveredEvent<T>, EventId> {
    for (;;) {
      const missed = await this.#after(feed, cursor);
      if (missed === null) {
        const snapshot = await this.#store.read(feed.roomId);
        cursor = snapshot.cursor;
        yield { id: cursor, event: { type: 'resync', snapshot } };
      } else if (missed.end === cursor) {
        return cursor;
      } else {
        for (const entry of missed.entries) {
          if (!isFor(entry, filter)) continue;
          if (sink.bufferedBytes > pauseAboveBytes && !(await untilRead(sink))) return cursor;
          cursor = entry.id;
          // The filter chose the topic, which TypeScript cannot follow.
          yield { id: cursor, event: entry.event as FeedEvent<T> };
        }
        cursor = missed.end;
      }
    }
  }

  /** What comes after a cursor: from memory, else from Redis; null when the cursor is no position of this log. */
  async #after(feed: RoomFeed, cursor: EventId): Promise<Pick<LogPage, 'entries' | 'end'> | null> {
    if (feed.has(cursor)) return { entries: feed.after(cursor) ?? [], end: feed.head };
    const page = await this.#reader.readAfter(feed.roomId, cursor);
    // A cursor beyond our head was given out by a node that has read further; the broadcast skips up to it.
    const ahead = page !== null && compareEventIds(cursor, feed.head) > 0;
    return ahead ? { entries: [], end: cursor } : page;
  }
}
