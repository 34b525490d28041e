import { Emitter } from '../core/emitter.ts';
import type { Topic, TopicEvents } from '../core/events.ts';
import { compareEventIds, type EventId, type RoomId, type UserId } from '../core/ids.ts';

/** The recipient of events that no client is told of. */
export const nobody = 0 as UserId;

/** One event of a room's log, as it is written to clients. */
export interface LoggedEvent {
  readonly id: EventId;
  readonly topic: Topic;
  /** The only user who may see it; null for everybody, {@link nobody} for what concerns the nodes alone. */
  readonly recipient: UserId | null;
  /** The event as JSON text, as it was logged. */
  readonly json: string;
}

/** A logged event with its contents, as everybody in this process shares it. */
export type FeedEntry = {
  readonly [T in Topic]: LoggedEvent & { readonly topic: T; readonly event: TopicEvents[T] };
}[Topic];

/** Whose entries a reader of the feed wants. */
export interface FeedFilter {
  readonly topic: Topic;
  readonly userId: UserId;
}

interface RoomFeedEvents {
  entry: [entry: FeedEntry];
  /** Events after the last one may have been lost for this process: readers must go back to Redis. */
  gap: [];
}

/** Entries kept in memory a room; older ones are read from Redis. */
export const defaultRingLength = 512;

/**
 * The newest part of one room's event log in this process, in order and without gaps from {@link floor} on.
 *
 * Cost of an event: one entry in the ring and one call a listener; nothing is parsed or encoded here.
 */
export class RoomFeed extends Emitter<RoomFeedEvents> {
  readonly roomId: RoomId;
  readonly #ringLength: number;
  #ring: FeedEntry[] = [];
  #floor: EventId;

  /**
   * @param floor - id of the last event before this feed began; every later one is in the feed
   * @param onListenerError - told of a failing listener
   */
  constructor(
    roomId: RoomId,
    floor: EventId,
    onListenerError: (event: string, error: unknown) => void,
    ringLength = defaultRingLength,
  ) {
    super(onListenerError);
    this.roomId = roomId;
    this.#floor = floor;
    this.#ringLength = ringLength;
  }

  /** Every event after this id is in the ring. */
  get floor(): EventId {
    return this.#floor;
  }

  /** Id of the newest event. */
  get head(): EventId {
    return this.#ring.at(-1)?.id ?? this.#floor;
  }

  /** Takes the next event of the log; one that is in already (seen twice after a reconnect to Redis) is dropped. */
  append(entry: FeedEntry): void {
    if (compareEventIds(entry.id, this.head) <= 0) return;
    this.#ring.push(entry);
    // Trimmed by halves, so that an event costs O(1) on average.
    if (this.#ring.length >= this.#ringLength * 2) {
      const trimmed = this.#ring.splice(0, this.#ringLength);
      this.#floor = trimmed.at(-1)?.id ?? this.#floor;
    }
    this.emit('entry', entry);
  }

  /** Begins anew after events were lost: the log was trimmed further than this process had read, or deleted. */
  restart(floor: EventId): void {
    this.#ring = [];
    this.#floor = floor;
    this.emit('gap');
  }

  /**
   * What came after a position.
   *
   * @returns null when some of it is not in memory any more
   */
  after(cursor: EventId): readonly FeedEntry[] | null {
    if (compareEventIds(cursor, this.#floor) < 0) return null;
    let start = this.#ring.length;
    while (start > 0 && compareEventIds(this.#ring[start - 1]?.id ?? '', cursor) > 0) start -= 1;
    return this.#ring.slice(start);
  }

  /** The first `length` entries after a position; null when some of them are not in memory any more. */
  pageAfter(cursor: EventId, length: number): readonly FeedEntry[] | null {
    return this.after(cursor)?.slice(0, length) ?? null;
  }

  /** Whether `id` is the position of an event in memory, or of the last one before. */
  has(id: EventId): boolean {
    return id === this.#floor || (this.after(id) !== null && this.#ring.some((entry) => entry.id === id));
  }
}

/** Whether a reader may and wants to see an entry. */
export function isFor(entry: LoggedEvent, { topic, userId }: FeedFilter): boolean {
  return entry.topic === topic && (entry.recipient === null || entry.recipient === userId);
}
