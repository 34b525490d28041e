import type { EventId, RoomId } from '../core/ids.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import type { EventReader, LogPage } from './event-reader.ts';

/** Pages read from Redis at a time: each is some hundred KiB that has to be taken apart. */
const mostReads = 2;
/** A read that could not begin in this time is refused; the client comes back, ms. */
const longestWaitMs = 5_000;
/** Pages kept. */
const keptPages = 8;

/** What comes after a position of a log, as far as a page goes. */
export type LogPart = Pick<LogPage, 'entries' | 'end'>;

interface KeptPage extends LogPart {
  readonly roomId: RoomId;
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
  /** Oldest first. A log only grows at its end, so what is between two positions stays true. */
  readonly #kept: KeptPage[] = [];

  constructor(reader: Pick<EventReader, 'readAfter'>) {
    this.#reader = reader;
  }

  /**
   * @returns what comes after `cursor`, a page at most; null when `cursor` is not an entry of the log (trimmed, or never
   *   given out)
   * @throws AppError SERVICE_UNAVAILABLE when too many wait; Error when Redis cannot be reached
   */
  async after(roomId: RoomId, cursor: EventId): Promise<LogPart | null> {
    const kept = this.#find(roomId, cursor);
    if (kept !== null) return kept;
    return this.#reads.run(async () => {
      // Whoever was before in the queue may have read it.
      const read = this.#find(roomId, cursor);
      if (read !== null) return read;
      const page = await this.#reader.readAfter(roomId, cursor);
      if (page !== null && page.entries.length > 0) this.#keep({ roomId, start: cursor, ...page });
      return page;
    });
  }

  #find(roomId: RoomId, cursor: EventId): LogPart | null {
    for (const page of this.#kept) {
      // Nothing is known of what comes after its end.
      if (page.roomId !== roomId || page.end === cursor) continue;
      if (page.start === cursor) return page;
      const index = page.entries.findIndex(({ id }) => id === cursor);
      if (index !== -1) return { entries: page.entries.slice(index + 1), end: page.end };
    }
    return null;
  }

  #keep(page: KeptPage): void {
    if (this.#kept.push(page) > keptPages) this.#kept.shift();
  }
}
