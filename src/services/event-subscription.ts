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

export interface EventSubscription<T extends Topic> {
  readonly feed: RoomFeed;
  readonly filter: FeedFilter & { readonly topic: T };
  /** Resume after this event; null: from now on. */
  readonly cursor: EventId | null;
  /** Ends the subscription. */
  readonly signal: AbortSignal;
}

/** Makes subscriptions to logged events: what was missed first, then what comes, each once and in order. */
export class EventSubscriptions {
  readonly #reader: EventReader;
  readonly #store: RoomStore;

  constructor(reader: EventReader, store: RoomStore) {
    this.#reader = reader;
    this.#store = store;
  }

  /**
   * Delivers `subscribed` at once, then every event after the cursor. A cursor that the log does not have any more (or
   * never had) is answered with one `resync`, from whose snapshot on nothing is missed.
   */
  async *follow<T extends Topic>(subscription: EventSubscription<T>): AsyncGenerator<DeliveredEvent<T>, void> {
    const { feed, filter, signal } = subscription;
    let cursor = subscription.cursor ?? feed.head;
    yield { id: cursor, event: { type: 'subscribed' } };

    for (;;) {
      if (signal.aborted) return;
      const missed = await this.#after(feed, cursor);
      if (missed === null) {
        const snapshot = await this.#store.read(feed.roomId);
        cursor = snapshot.cursor;
        yield { id: cursor, event: { type: 'resync', snapshot } };
        continue;
      }
      for (const entry of missed) {
        cursor = entry.id;
        if (isFor(entry, filter)) yield deliver<T>(entry);
      }
      if (missed.length === 0 && !(await nextEntry(feed, cursor, signal))) return;
    }
  }

  /** Entries after a cursor: from memory, else from Redis; null when the cursor is not of this log. */
  async #after(feed: RoomFeed, cursor: EventId): Promise<readonly FeedEntry[] | null> {
    // A cursor beyond our head was given out by a node whose reader is ahead of ours; Redis knows it.
    const ahead = compareEventIds(cursor, feed.head) > 0;
    if (feed.has(cursor)) return feed.after(cursor);
    const entries = await this.#reader.readAfter(feed.roomId, cursor);
    if (entries === null || !ahead) return entries;
    return entries;
  }
}

function deliver<T extends Topic>(entry: FeedEntry): DeliveredEvent<T> {
  return { id: entry.id, event: JSON.parse(entry.json) as FeedEvent<T> };
}

/** Waits until the feed has an entry after `cursor`; false when the signal ended the wait. */
function nextEntry(feed: RoomFeed, cursor: EventId, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (more: boolean): void => {
      stop();
      signal.removeEventListener('abort', abort);
      resolve(more);
    };
    const abort = (): void => finish(false);
    const stop = feed.listen((entry) => {
      if (compareEventIds(entry.id, cursor) > 0) finish(true);
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted || compareEventIds(feed.head, cursor) > 0) finish(!signal.aborted);
  });
}
