import type { Redis } from 'ioredis';
import { type Topic, topicSchemas } from '../core/events.ts';
import { type EventId, type RoomId, userIdSchema } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { roomEventsKey, roomFeedChannel } from './redis/keys.ts';
import { defaultRingLength, type FeedEntry, type LoggedEvent, nobody, RoomFeed } from './room-feed.ts';

/** Entries read from a log in one call, to catch up. */
const pageLength = 256;
/** The same for clients that come back: what is made of a page waits until they have read it. */
const clientPageLength = 128;

interface HeldFeed {
  readonly feed: Promise<RoomFeed>;
  holders: number;
}

/** Where a channel's announcements go. */
interface Route {
  readonly feed: RoomFeed;
  /** Announcements that wait until the log before them has been read. */
  readonly waiting: FeedEntry[];
  /** The newest read of the log, until it has succeeded; null while announcements go straight to the feed. */
  catchUp: symbol | null;
}

/** A part of a log. */
export interface LogPage<Entry extends LoggedEvent = LoggedEvent> {
  /** Events that fit their schemas, oldest first. */
  readonly entries: readonly Entry[];
  /** Position that has been read up to. */
  readonly end: EventId;
  /** Whether there may be more. */
  readonly full: boolean;
}

/**
 * The one reader of event logs in a process: over one subscription connection it receives the events of every room that
 * somebody here follows, in the order of the log, and keeps them in that room's {@link RoomFeed}.
 */
export class EventReader {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #logger: Logger;
  readonly #ringLength: number;
  readonly #held = new Map<RoomId, HeldFeed>();
  readonly #routes = new Map<string, Route>();

  /**
   * @param commands - connection for reading logs
   * @param subscriber - connection that is used for nothing but pub/sub
   * @param ringLength - events kept in memory a room
   */
  constructor(commands: Redis, subscriber: Redis, logger: Logger, ringLength = defaultRingLength) {
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#logger = logger;
    this.#ringLength = ringLength;
    subscriber.on('message', (channel: string, message: string) => {
      const route = this.#routes.get(channel);
      if (route === undefined) return;
      const entry = this.#parseAnnouncement(message);
      if (entry === null) return;
      if (route.catchUp === null) route.feed.append(entry);
      else route.waiting.push(entry);
    });
    // What was announced while the connection was down is in the log.
    subscriber.on('ready', () => void this.#catchUpAll());
  }

  /**
   * Follows a room's log; the feed lives until every holder has called {@link release}.
   *
   * @throws Error when Redis cannot be reached
   */
  async hold(roomId: RoomId): Promise<RoomFeed> {
    const held = this.#held.get(roomId) ?? { feed: this.#follow(roomId), holders: 0 };
    this.#held.set(roomId, held);
    held.holders += 1;
    try {
      return await held.feed;
    } catch (error) {
      if (this.#held.get(roomId) === held) this.#forget(roomId);
      throw error;
    }
  }

  /** Gives up one hold of a room's feed. */
  release(roomId: RoomId): void {
    const held = this.#held.get(roomId);
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders === 0) this.#forget(roomId);
  }

  /** Rooms that are followed now. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * Reads a log from Redis, for positions that are older than a feed's memory.
   *
   * @returns what comes after `cursor`, a page at most; null when `cursor` is not an entry of the log (trimmed, or never
   *   given out)
   */
  async readAfter(roomId: RoomId, cursor: EventId): Promise<LogPage | null> {
    const [first, ...rest] = await this.#readLog(roomId, cursor, clientPageLength);
    if (first?.[0] !== cursor) return null;
    const { entries, ...page } = this.#toPage(rest, cursor);
    // Pages wait for clients that read slowly; of the contents only the text is wanted.
    return { ...page, entries: entries.map(({ id, topic, recipient, json }) => ({ id, topic, recipient, json })) };
  }

  async #follow(roomId: RoomId): Promise<RoomFeed> {
    const channel = roomFeedChannel(roomId);
    const onListenerError = (event: string, error: unknown): void =>
      this.#logger.error({ err: error, event, roomId }, 'A listener of a room feed failed');
    const newest = await this.#readNewest(roomId);
    const [oldest, ...rest] = newest;
    const floor = (oldest?.[0] ?? beforeFirst) as EventId;
    const feed = new RoomFeed(roomId, floor, onListenerError, this.#ringLength);
    for (const entry of this.#toPage(rest, floor).entries) feed.append(entry);
    const route: Route = { feed, waiting: [], catchUp: null };
    this.#routes.set(channel, route);
    await this.#catchUp(route, this.#subscriber.subscribe(channel));
    return feed;
  }

  #forget(roomId: RoomId): void {
    const channel = roomFeedChannel(roomId);
    this.#held.delete(roomId);
    this.#routes.delete(channel);
    this.#subscriber.unsubscribe(channel).catch((error: unknown) => {
      this.#logger.debug({ err: error, roomId }, 'Unsubscribing failed; the connection is gone');
    });
  }

  /** The newest entries of a log, oldest first: clients that come to a node together find them in memory. */
  async #readNewest(roomId: RoomId): Promise<LogEntry[]> {
    const newest = await this.#commands.xrevrange(roomEventsKey(roomId), '+', '-', 'COUNT', this.#ringLength + 1);
    return newest.reverse();
  }

  async #lastEventId(roomId: RoomId): Promise<EventId> {
    const [last] = await this.#commands.xrevrange(roomEventsKey(roomId), '+', '-', 'COUNT', 1);
    return (last?.[0] ?? beforeFirst) as EventId;
  }

  async #catchUpAll(): Promise<void> {
    if (this.#routes.size === 0) return;
    const subscribed = this.#subscriber.subscribe(...this.#routes.keys());
    const results = await Promise.allSettled(
      [...this.#routes.values()].map((route) => this.#catchUp(route, subscribed)),
    );
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      this.#logger.error({ err: failure.reason as unknown }, 'Events missed while Redis was away could not be read');
      // Reconnecting comes here again.
      this.#subscriber.disconnect(true);
    }
  }

  /**
   * Appends what the log has beyond the feed. Announcements wait from the call on, so none overtakes the log; when the
   * log cannot be read they go on waiting, for the next call.
   */
  async #catchUp(route: Route, subscribed: Promise<unknown>): Promise<void> {
    const { feed, waiting } = route;
    const own = Symbol();
    route.catchUp = own;
    await subscribed;
    let position = feed.head;
    for (let full = true; full;) {
      const [first, ...rest] = await this.#readLog(feed.roomId, position);
      if (first === undefined) {
        // The room was closed and its log deleted, with what we have not read of it.
        if (position !== beforeFirst) feed.restart(position);
        break;
      }
      // The log begins after our head: what was between is gone, unless the log was empty until now.
      if (first[0] !== position && position !== beforeFirst) {
        feed.restart(await this.#lastEventId(feed.roomId));
        break;
      }
      const page = this.#toPage(first[0] === position ? rest : [first, ...rest], position);
      for (const entry of page.entries) feed.append(entry);
      ({ end: position, full } = page);
    }
    if (route.catchUp !== own) return;
    route.catchUp = null;
    for (const entry of waiting.splice(0)) feed.append(entry);
  }

  /** Entries of a log from position `from` on, that one included. */
  #readLog(roomId: RoomId, from: EventId, length = pageLength): Promise<LogEntry[]> {
    return this.#commands.xrange(roomEventsKey(roomId), from, '+', 'COUNT', length);
  }

  #toPage(entries: readonly LogEntry[], start: EventId): LogPage<FeedEntry> {
    return {
      entries: entries.flatMap(([id, fields]) => this.#toEntry(id, fields[1], fields[3], fields[5]) ?? []),
      end: (entries.at(-1)?.[0] ?? start) as EventId,
      full: entries.length >= pageLength - 1,
    };
  }

  /** `<id> <topic> <recipient> <json>`, see lua/includes/room.lua. */
  #parseAnnouncement(message: string): FeedEntry | null {
    const [, id = '', topic, recipient, json] = /^(\S+) (\S+) (\S+) (.*)$/s.exec(message) ?? [];
    return this.#toEntry(id, topic, recipient, json);
  }

  /** Checks an event, once a process. One that does not fit, as of a newer release, is left out and reported. */
  #toEntry(id: string, topic = '', recipient = '', json = ''): FeedEntry | null {
    try {
      const event = topicSchemas[topic as Topic].parse(JSON.parse(json));
      const only = recipient === '-' ? null : recipient === '0' ? nobody : userIdSchema.parse(Number(recipient));
      // The schema was chosen by the topic, which TypeScript cannot follow.
      return { id, topic, recipient: only, event, json } as FeedEntry;
    } catch (error) {
      this.#logger.error({ err: error, id, topic }, 'An event of the log does not fit its schema');
      return null;
    }
  }
}

type LogEntry = [id: string, fields: string[]];

/** The position before the first event of a log. */
const beforeFirst = '0-0' as EventId;
