import type { FeedControlEvent } from '../core/events.ts';
import { compareEventIds, type EventId } from '../core/ids.ts';
import { type ByteSink, pauseAboveBytes, untilRead } from './byte-sink.ts';
import { EncodedPages } from './encoded-pages.ts';
import type { LogPages, LogPart } from './log-pages.ts';
import { type FeedFilter, isFor, type RoomFeed } from './room-feed.ts';
import type { RoomStore } from './room-store.ts';
import { positionAt, type WireFormat } from './wire-format.ts';

/** A subscription that has events to catch up with. */
export interface ReplaySubscriber {
  readonly sink: ByteSink;
  /** The client's id of the subscription, as JSON text. */
  readonly requestId: string;
  readonly filter: FeedFilter;
}

/** What operators want counted of replays, as it happens on this node. */
export interface ReplayMeter {
  /** A subscriber was given a snapshot in place of events that are no longer kept. */
  resynced(): void;
}

/** Events of memory that are written before it is looked again whether the client reads. */
const memoryPageLength = 128;
/** So many events that are not for a subscriber move its cursor all the same, lest it be trimmed away meanwhile. */
const quietLength = 64;

/** Writes to a subscriber what it has missed, from memory or Redis. */
export class EventReplay {
  readonly #pages: LogPages;
  readonly #store: RoomStore;
  readonly #wire: WireFormat;
  readonly #encoded: EncodedPages;
  readonly #meter: ReplayMeter;

  constructor(pages: LogPages, store: RoomStore, wire: WireFormat, meter: ReplayMeter) {
    this.#pages = pages;
    this.#store = store;
    this.#wire = wire;
    this.#encoded = new EncodedPages(wire);
    this.#meter = meter;
  }

  /**
   * Writes the next page of what comes after `cursor`, once the client has read most of what it was sent before. A cursor
   * that the log does not have any more (or never had) is answered with one `resync`, from whose snapshot on nothing is
   * missed. One write, and one round trip to Redis when the page is not in memory.
   *
   * @returns the position that has been reached: `cursor` itself when the feed's memory goes on from there; null when the
   *   client is gone
   * @throws AppError ROOM_NOT_FOUND when the room has been closed, SERVICE_UNAVAILABLE when too many replay; Error when
   *   Redis cannot be reached
   */
  async writePage(feed: RoomFeed, subscriber: ReplaySubscriber, cursor: EventId): Promise<EventId | null> {
    const { sink, requestId, filter } = subscriber;
    if (!(await canTake(sink))) return null;
    const missed = await this.#after(feed, cursor);
    // A client's other subscriptions may have written theirs meanwhile.
    if (!(await canTake(sink))) return null;
    if (missed === null) {
      const snapshot = await this.#store.read(feed.roomId);
      const resync: FeedControlEvent = { type: 'resync', snapshot };
      sink.write(this.#wire.events([{ id: snapshot.cursor, json: JSON.stringify(resync) }]).for(requestId));
      this.#meter.resynced();
      return snapshot.cursor;
    }
    const wanted = missed.entries.filter((entry) => isFor(entry, filter));
    if (wanted.length > 0) sink.write(this.#encoded.encode(feed.roomId, filter, wanted).for(requestId));
    else if (missed.entries.length >= quietLength)
      sink.write(this.#wire.events([positionAt(missed.end)]).for(requestId));
    return missed.end;
  }

  /** What comes after a cursor: from memory, else from Redis; null when the cursor is no position of this log. */
  async #after(feed: RoomFeed, cursor: EventId): Promise<LogPart | null> {
    if (feed.has(cursor)) {
      const entries = feed.pageAfter(cursor, memoryPageLength) ?? [];
      return { entries, end: entries.at(-1)?.id ?? cursor };
    }
    const page = await this.#pages.after(feed.roomId, cursor);
    // A cursor beyond our head was given out by a node that has read further; the broadcast skips up to it.
    const ahead = page !== null && compareEventIds(cursor, feed.head) > 0;
    return ahead ? { entries: [], end: cursor } : page;
  }
}

/** Waits until the client has read most of what it was sent. @returns false when it is gone */
async function canTake(sink: ByteSink): Promise<boolean> {
  while (sink.writable && sink.bufferedBytes > pauseAboveBytes) await untilRead(sink);
  return sink.writable;
}
