import type { Redis } from 'ioredis';
import { type Topic, topicSchemas } from '../core/events.ts';
import { type EventId, type RoomId, userIdSchema } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { roomEventsKey, roomFeedChannel } from './redis/keys.ts';
import { type FeedEntry, RoomFeed } from './room-feed.ts';

/** Entries read from a log in one call. */
const pageLength = 256;

interface HeldFeed {
  readonly feed: Promise<RoomFeed>;
  holders: number;
}

/** Where a channel's announcements go. */
interface Route {
  readonly feed: RoomFeed;
  /** Announcements that wait until the log before them has been read. */
  readonly waiting: FeedEntry[];
  /** Reads of the log under way. */
  catchUps: number;
}

/**
 * The one reader of event logs in a process: over one subscription connection it receives the events of every room that
 * somebody here follows, in the order of the log, and keeps them in that room's {@link RoomFeed}.
 */
export class EventReader {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #logger: Logger;
  readonly #ringLength: number | undefined;
  readonly #held = new Map<RoomId, HeldFeed>();
  readonly #routes = new Map<string, Route>();

  /**
   * @param commands - connection for reading logs
   * @param subscriber - connection that is used for nothing but pub/sub
   * @param ringLength - events kept in memory a room
   */
  constructor(commands: Redis, subscriber: Redis, logger: Logger, ringLength?: number) {
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#logger = logger;
    this.#ringLength = ringLength;
    subscriber.on('message', (channel: string, message: string) => {
      const route = this.#routes.get(channel);
      if (route === undefined) return;
      const entry = this.#parseAnnouncement(message);
      if (entry === null) return;
      if (route.catchUps > 0) route.waiting.push(entry);
      else route.feed.append(entry);
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
   * @returns the next entries after `cursor`, oldest first, a page at most; null when `cursor` is not an entry of the log
   *   (trimmed, or never given out)
   */
  async readAfter(roomId: RoomId, cursor: EventId): Promise<FeedEntry[] | null> {
    const [first, ...rest] = await this.#readLog(roomId, cursor);
    return first?.[0] === cursor ? this.#toEntries(rest) : null;
  }

  async #follow(roomId: RoomId): Promise<RoomFeed> {
    const channel = roomFeedChannel(roomId);
    const onListenerError = (event: string, error: unknown): void =>
      this.#logger.error({ err: error, event, roomId }, 'A listener of a room feed failed');
    const feed = new RoomFeed(roomId, await this.#lastEventId(roomId), onListenerError, this.#ringLength);
    const route: Route = { feed, waiting: [], catchUps: 0 };
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

  async #lastEventId(roomId: RoomId): Promise<EventId> {
    const [last] = await this.#commands.xrevrange(roomEventsKey(roomId), '+', '-', 'COUNT', 1);
    return (last?.[0] ?? beforeFirst) as EventId;
  }

  async #catchUpAll(): Promise<void> {
    if (this.#routes.size === 0) return;
    const subscribed = this.#subscriber.subscribe(...this.#routes.keys());
    const results = await Promise.allSettled([...this.#routes.values()].map((route) => this.#catchUp(route, subscribed)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      this.#logger.error({ err: failure.reason as unknown }, 'Events missed while Redis was away could not be read');
      // Reconnecting comes here again.
      this.#subscriber.disconnect(true);
    }
  }

  /** Appends what the log has beyond the feed. Announcements wait from the call on, so none overtakes the log. */
  async #catchUp(route: Route, subscribed: Promise<unknown>): Promise<void> {
    const { feed, waiting } = route;
    route.catchUps += 1;
    try {
      await subscribed;
      for (;;) {
        const [first, ...rest] = await this.#readLog(feed.roomId, feed.head);
        if (first === undefined) break;
        // The log begins after our head: what was between is gone, unless the log was empty until now.
        if (first[0] !== feed.head && feed.head !== beforeFirst) {
          feed.restart(await this.#lastEventId(feed.roomId));
          break;
        }
        const unread = first[0] === feed.head ? rest : [first, ...rest];
        for (const entry of this.#toEntries(unread)) feed.append(entry);
        if (unread.length < pageLength - 1) break;
      }
    } finally {
      route.catchUps -= 1;
    }
    if (route.catchUps === 0) for (const entry of waiting.splice(0)) feed.append(entry);
  }

  /** Entries of a log from position `from` on, that one included. */
  #readLog(roomId: RoomId, from: EventId): Promise<LogEntry[]> {
    return this.#commands.xrange(roomEventsKey(roomId), from, '+', 'COUNT', pageLength);
  }

  #toEntries(entries: readonly LogEntry[]): FeedEntry[] {
    return entries.flatMap(([id, fields]) => this.#toEntry(id, fields[1], fields[3], fields[5]) ?? []);
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
      const only = recipient === '-' ? null : userIdSchema.parse(Number(recipient));
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
