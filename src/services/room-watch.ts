import type { Topic, TopicEvents } from '../core/events.ts';
import type { EventId, RoomId, UserId } from '../core/ids.ts';
import type { RoomSnapshot } from '../core/model.ts';
import type { EventReader } from './event-reader.ts';
import type { LoggedEvent, RoomFeed } from './room-feed.ts';
import type { RoomStore } from './room-store.ts';

/** What an operator sees of a room. */
export type WatchedEvent =
  /** The room as it is: first of all, and again when events were lost because the watcher was away for too long. */
  | { readonly type: 'snapshot'; readonly snapshot: RoomSnapshot }
  | {
      readonly type: 'event';
      readonly topic: Topic;
      /** ms since the epoch. */
      readonly at: number;
      /** The only user who was told; null for everybody, 0 for nobody. */
      readonly recipient: UserId | null;
      readonly event: TopicEvents[Topic];
    };

/** Lets operators follow a room without being in it, from any node, whether or not that node serves the room. */
export class RoomWatch {
  readonly #reader: EventReader;
  readonly #store: RoomStore;

  constructor(reader: EventReader, store: RoomStore) {
    this.#reader = reader;
    this.#store = store;
  }

  /**
   * Every event of a room, of all topics, in order, until the room closes or `signal` aborts. Reads no faster than it is
   * read from.
   *
   * @param cursor - go on after this event; null to begin with a snapshot
   * @throws AppError ROOM_NOT_FOUND when the room is not open (any more)
   */
  async *follow(
    roomId: RoomId,
    cursor: EventId | null,
    signal: AbortSignal,
  ): AsyncGenerator<{ id: EventId; watched: WatchedEvent }, void> {
    const feed = await this.#reader.hold(roomId);
    using _held = { [Symbol.dispose]: () => this.#reader.release(roomId) };
    using news = new News(feed, signal);
    let position = cursor;
    while (!signal.aborted) {
      news.forget();
      const entries = position === null ? null : await this.#after(feed, position);
      if (entries === null) {
        const snapshot = await this.#store.read(roomId);
        position = snapshot.cursor;
        yield { id: position, watched: { type: 'snapshot', snapshot } };
        continue;
      }
      for (const entry of entries) {
        const event = JSON.parse(entry.json) as TopicEvents[Topic];
        const { id, topic, recipient } = entry;
        yield { id, watched: { type: 'event', topic, at: Number.parseInt(id, 10), recipient, event } };
        if (event.type === 'roomClosed') return;
        position = id;
      }
      if (entries.length === 0) await news.arrive();
    }
  }

  async #after(feed: RoomFeed, position: EventId): Promise<readonly LoggedEvent[] | null> {
    return feed.after(position) ?? (await this.#reader.readAfter(feed.roomId, position))?.entries ?? null;
  }
}

/** Wakes a reader of a feed. */
class News implements Disposable {
  readonly #signal: AbortSignal;
  readonly #stops: (() => void)[];
  #next = Promise.withResolvers<undefined>();

  constructor(feed: RoomFeed, signal: AbortSignal) {
    const wake = (): void => this.#next.resolve(undefined);
    this.#signal = signal;
    this.#stops = [feed.on('entry', wake), feed.on('gap', wake), () => signal.removeEventListener('abort', wake)];
    signal.addEventListener('abort', wake);
  }

  /** Waits from now on for what comes; called before the feed is read, so that nothing falls between. */
  forget(): void {
    this.#next = Promise.withResolvers();
  }

  /** Resolves when there is something since {@link forget}, or the signal has aborted. */
  async arrive(): Promise<void> {
    if (!this.#signal.aborted) await this.#next.promise;
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stops) stop();
  }
}
