import type { Topic } from '../core/events.ts';
import { compareEventIds, type EventId, type UserId } from '../core/ids.ts';
import { type ByteSink, longestPauseMs, pauseAboveBytes, pauseCheckMs, resumeBelowBytes } from './byte-sink.ts';
import type { ReplaySubscriber } from './event-replay.ts';
import { type FeedEntry, isFor, type RoomFeed } from './room-feed.ts';
import { positionAt, type WireFormat } from './wire-format.ts';

/** Bursts are written together: one write a client and interval, ms. A single event in a quiet room goes at once. */
const flushIntervalMs = 20;
/**
 * A topic that has been quiet while this many events of others went by has its subscribers told where the log is: their
 * cursors would else be trimmed away although they have missed nothing. At most a quarter of the log, so that it reaches
 * back to where they were before an absence.
 */
const quietAfterEvents = 256;
const quietAfterShare = 1 / 4;

/** A subscription that is fed by the broadcast. */
export interface BroadcastSubscriber extends ReplaySubscriber {
  /** Called when the subscription was taken out: it must replay from `cursor` on and attach again. */
  goBack(cursor: EventId): void;
}

interface Paused {
  /** Last event that was written. */
  readonly cursor: EventId;
  readonly since: number;
}

/**
 * Writes one room's events to every subscribed socket of this process.
 *
 * Cost: an event is encoded once, and copied once a distinct request id; a client costs one write of shared bytes a flush,
 * whether that holds one event or fifty. A client that does not read costs at most 256 KiB and its place in a set.
 */
export class EventBroadcast {
  readonly #feed: RoomFeed;
  readonly #wire: WireFormat;
  readonly #active: Record<Topic, Set<BroadcastSubscriber>> = {
    room: new Set(),
    media: new Set(),
    chat: new Set(),
    gift: new Set(),
  };
  readonly #paused = new Map<BroadcastSubscriber, Paused>();
  /** Subscribers whose client was told more by another node than this one has read: they skip what they know. */
  readonly #ahead = new Map<BroadcastSubscriber, EventId>();
  readonly #stopListening: (() => void)[];
  readonly #quietAfter: number;
  /** Events since the last one that all subscribers of a topic were written. */
  readonly #passed: Record<Topic, number> = { room: 0, media: 0, chat: 0, gift: 0 };
  #pending: FeedEntry[] = [];
  /** Last event before the pending ones. */
  #flushed: EventId;
  #flushedAt = 0;
  #flushTimer: NodeJS.Timeout | NodeJS.Immediate | null = null;
  #pauseTimer: NodeJS.Timeout | null = null;

  /** @param logLength - events that the room's log keeps at least */
  constructor(feed: RoomFeed, wire: WireFormat, logLength: number) {
    this.#feed = feed;
    this.#wire = wire;
    this.#quietAfter = Math.max(1, Math.min(quietAfterEvents, Math.floor(logLength * quietAfterShare)));
    this.#flushed = feed.head;
    this.#stopListening = [
      feed.on('entry', (entry) => {
        this.#pending.push(entry);
        this.#scheduleFlush();
      }),
      feed.on('gap', () => this.#onGap()),
    ];
  }

  /**
   * Feeds a subscription from `cursor` on. What the feed has beyond the cursor is written before this returns, so nothing
   * is missed or doubled between an ordinary replay and the broadcast.
   *
   * @returns false when the feed does not reach back to the cursor any more: replay again
   */
  attach(subscriber: BroadcastSubscriber, cursor: EventId): boolean {
    this.#flush();
    const missed = this.#feed.after(cursor);
    if (missed === null) return false;
    this.#write(subscriber, missed);
    if (compareEventIds(cursor, this.#feed.head) > 0) this.#ahead.set(subscriber, cursor);
    this.#active[subscriber.filter.topic].add(subscriber);
    return true;
  }

  /** Ends the feeding of a subscription; events up to now are written first. Again without effect. */
  detach(subscriber: BroadcastSubscriber): void {
    const active = this.#active[subscriber.filter.topic];
    if (active.has(subscriber)) this.#flush();
    active.delete(subscriber);
    this.#paused.delete(subscriber);
    this.#ahead.delete(subscriber);
  }

  /** Writes what is pending and ends. */
  close(): void {
    this.#flush();
    for (const stop of this.#stopListening) stop();
    if (this.#pauseTimer !== null) clearInterval(this.#pauseTimer);
    this.#pauseTimer = null;
  }

  #scheduleFlush(): void {
    if (this.#flushTimer !== null) return;
    const waitMs = this.#flushedAt + flushIntervalMs - performance.now();
    this.#flushTimer = waitMs > 0 ? setTimeout(() => this.#flush(), waitMs) : setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#flushTimer !== null) {
      clearTimeout(this.#flushTimer as NodeJS.Timeout);
      clearImmediate(this.#flushTimer as NodeJS.Immediate);
      this.#flushTimer = null;
    }
    if (this.#pending.length === 0) return;
    const batch = this.#pending;
    const before = this.#flushed;
    this.#pending = [];
    this.#flushed = batch.at(-1)?.id ?? before;
    this.#flushedAt = performance.now();
    const topics = [...new Set(batch.map((entry) => entry.topic))];
    // A socket is written to once a topic: corked, it makes one write of them.
    const sinks = topics.length > 1 ? this.#sinksOf(topics) : new Set<ByteSink>();
    for (const sink of sinks) sink.cork();
    for (const topic of topics) {
      this.#flushTopic(
        topic,
        batch.filter((entry) => entry.topic === topic),
        before,
      );
    }
    this.#movePositions(batch);
    for (const sink of sinks) sink.uncork();
  }

  #sinksOf(topics: readonly Topic[]): Set<ByteSink> {
    return new Set(topics.flatMap((topic) => [...this.#active[topic]].map(({ sink }) => sink)));
  }

  #movePositions(batch: readonly FeedEntry[]): void {
    for (const topic of Object.keys(this.#active) as Topic[]) {
      const last = batch.findLastIndex((entry) => entry.topic === topic && entry.recipient === null);
      const passed = last === -1 ? this.#passed[topic] + batch.length : batch.length - 1 - last;
      this.#passed[topic] = passed < this.#quietAfter ? passed : 0;
      if (passed >= this.#quietAfter) this.#writePosition(topic);
    }
  }

  /** Moves the cursors of a topic's clients to where they have been written everything. */
  #writePosition(topic: Topic): void {
    const shared = this.#wire.events([positionAt(this.#flushed)]);
    for (const subscriber of this.#active[topic]) {
      const { sink, requestId } = subscriber;
      const known = this.#ahead.get(subscriber);
      if (known !== undefined && compareEventIds(known, this.#flushed) > 0) continue;
      this.#ahead.delete(subscriber);
      // One that does not read is told the next time.
      if (sink.writable && sink.bufferedBytes <= pauseAboveBytes) sink.write(shared.for(requestId));
    }
  }

  #flushTopic(topic: Topic, batch: readonly FeedEntry[], before: EventId): void {
    const forEverybody = batch.filter(({ recipient }) => recipient === null);
    const recipients = new Set<UserId | null>(batch.map(({ recipient }) => recipient));
    const shared = this.#wire.events(forEverybody);
    for (const subscriber of this.#active[topic]) {
      if (this.#pauseIfBehind(subscriber, before)) continue;
      if (this.#ahead.has(subscriber) || recipients.has(subscriber.filter.userId)) this.#write(subscriber, batch);
      else if (forEverybody.length > 0) subscriber.sink.write(shared.for(subscriber.requestId));
    }
  }

  /** Writes the entries that a subscriber wants and does not know. */
  #write(subscriber: BroadcastSubscriber, entries: readonly FeedEntry[]): void {
    const known = this.#ahead.get(subscriber);
    const wanted = entries.filter((entry) => {
      return isFor(entry, subscriber.filter) && (known === undefined || compareEventIds(entry.id, known) > 0);
    });
    const last = entries.at(-1);
    if (known !== undefined && last !== undefined && compareEventIds(last.id, known) >= 0) {
      this.#ahead.delete(subscriber);
    }
    if (wanted.length > 0 && subscriber.sink.writable) {
      subscriber.sink.write(this.#wire.events(wanted).for(subscriber.requestId));
    }
  }

  /** Takes a client that is not reading, or is closing, out of the flush. */
  #pauseIfBehind(subscriber: BroadcastSubscriber, cursor: EventId): boolean {
    const { sink, filter } = subscriber;
    if (!sink.writable) return true;
    if (sink.bufferedBytes <= pauseAboveBytes) return false;
    this.#active[filter.topic].delete(subscriber);
    this.#paused.set(subscriber, { cursor, since: performance.now() });
    this.#pauseTimer ??= setInterval(() => this.#seeToPaused(), pauseCheckMs).unref();
    return true;
  }

  /** Lets paused clients catch up from the ring, or cuts them. */
  #seeToPaused(): void {
    this.#flush();
    for (const [subscriber, { cursor, since }] of this.#paused) {
      if (this.#feed.after(cursor) === null || performance.now() - since > longestPauseMs) {
        this.#paused.delete(subscriber);
        subscriber.sink.terminate();
      } else if (subscriber.sink.bufferedBytes < resumeBelowBytes) {
        this.#paused.delete(subscriber);
        const position = this.#ahead.get(subscriber) ?? cursor;
        this.#ahead.delete(subscriber);
        // Page by page, as fast as it reads; all of the memory at once would be more than it was cut off for.
        subscriber.goBack(position);
      }
    }
    if (this.#paused.size > 0 || this.#pauseTimer === null) return;
    clearInterval(this.#pauseTimer);
    this.#pauseTimer = null;
  }

  #onGap(): void {
    this.#flush();
    const cursor = this.#flushed;
    this.#flushed = this.#feed.head;
    const everybody = Object.values(this.#active).flatMap((subscribers) => [...subscribers]);
    for (const subscriber of [...everybody, ...this.#paused.keys()]) {
      // One that is ahead has been told what is between by another node.
      const position = this.#ahead.get(subscriber) ?? this.#paused.get(subscriber)?.cursor ?? cursor;
      this.detach(subscriber);
      subscriber.goBack(position);
    }
  }
}
