import type { EventId, RoomId } from '../core/ids.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import type { EventReader, LogPage } from './event-reader.ts';

/** Pages read from Redis at a time: each is some hundred KiB that has to be taken apart. */
const mostReads = 8;
/** The same of one room, so that it leaves others their turn. */
const mostReadsOfRoom = 2;
/** A read that could not begin in this time is refused; the client comes back, ms. */
const longestWaitMs = 5_000;
/** Pages kept of a room. */
const keptPages = 8;
/** Rooms of which pages are kept. */
const keptRooms = 16;

/** What comes after a position of a log, as far as a page goes. */
export type LogPart = Pick<LogPage, 'entries' | 'end'>;

interface KeptPage extends LogPart {
  readonly start: EventId;
}

/**
 * Parts of room logs for clients that have been away. Those that were away together want the same parts, so the newest
 * pages are kept: a cursor within one is answered from it, and its clients go on page by page together. Without this a
 * room's return from a dead network would be read, checked and thrown away once for each of its members.
 */
export class LogPages {
  readonly #reader: Pick<EventReader, 'readAfter'>;
  readonly #reads = new ConcurrencyLimit(mostReads, longestWaitMs);
  /** Oldest first. */
  readonly #rooms = new Map<RoomId, RoomPages>();

  constructor(reader: Pick<EventReader, 'readAfter'>) {
    this.#reader = reader;
  }

  /**
   * @returns what comes after `cursor`, a page at most; null when `cursor` is not an entry of the log (trimmed, or never
   *   given out)
   * @throws AppError SERVICE_UNAVAILABLE when too many wait; Error when Redis cannot be reached
   */
  async after(roomId: RoomId, cursor: EventId): Promise<LogPart | null> {
    const room = this.#roomOf(roomId);
    const kept = room.find(cursor);
    if (kept !== null) return kept;
    return room.reads.run(async () => {
      // Whoever was before in the queue may have read it.
      const read = room.find(cursor);
      if (read !== null) return read;
      const page = await this.#reads.run(() => this.#reader.readAfter(roomId, cursor));
      if (page !== null && page.entries.length > 0) room.keep({ start: cursor, ...page });
      return page;
    });
  }

  #roomOf(roomId: RoomId): RoomPages {
    const known = this.#rooms.get(roomId);
    if (known !== undefined) return known;
    const room = new RoomPages();
    this.#rooms.set(roomId, room);
    const [oldest] = this.#rooms.keys();
    if (this.#rooms.size > keptRooms && oldest !== undefined) this.#rooms.delete(oldest);
    return room;
  }
}

/** The newest pages that were read of one room, and who waits for more. */
class RoomPages {
  readonly reads = new ConcurrencyLimit(mostReadsOfRoom, longestWaitMs);
  /** Oldest first. A log only grows at its end, so what is between two positions stays true. */
  readonly #kept: KeptPage[] = [];

  find(cursor: EventId): LogPart | null {
    for (const page of this.#kept) {
      // Nothing is known of what comes after its end.
      if (page.end === cursor) continue;
      if (page.start === cursor) return page;
      const index = page.entries.findIndex(({ id }) => id === cursor);
      if (index !== -1) return { entries: page.entries.slice(index + 1), end: page.end };
    }
    return null;
  }

  keep(page: KeptPage): void {
    if (this.#kept.push(page) > keptPages) this.#kept.shift();
  }
}
