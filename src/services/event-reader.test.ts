import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { chatEvent } from '../../test/support/feed-entries.ts';
import { silentLogger } from '../../test/support/media.ts';
import { type ModuleRedis, startModuleRedis } from '../../test/support/module-redis.ts';
import { type EventId, type RoomId, roomIdSchema } from '../core/ids.ts';
import { EventReader } from './event-reader.ts';
import { roomEventsKey, roomFeedChannel } from './redis/keys.ts';
import type { RoomFeed } from './room-feed.ts';

let server: ModuleRedis;
/** Writes logs; also looks at the server. */
let writer: Redis;
let commands: Redis;
let subscriber: Redis;
let reader: EventReader;
let written: string[];
let roomNumber = 0;
let roomId: RoomId;

beforeAll(async () => {
  server = await startModuleRedis();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  writer = await server.connect('commands');
  commands = await server.connect('commands');
  subscriber = await server.connect('subscriber');
  reader = new EventReader(commands, subscriber, silentLogger);
  written = [];
  roomId = roomIdSchema.parse(String((roomNumber += 1)));
});
afterEach(() => {
  server.disconnectAll();
});

/** Logs and announces an event in one step, as includes/room.lua does. */
async function publish(json = JSON.stringify(chatEvent(written.length + 1)), recipient = '-'): Promise<string> {
  const id = (await writer.eval(
    `local id = redis.call('XADD', KEYS[1], '*', 't', 'chat', 'u', ARGV[2], 'e', ARGV[3])
     redis.call('PUBLISH', ARGV[1], id .. ' chat ' .. ARGV[2] .. ' ' .. ARGV[3])
     return id`,
    1,
    roomEventsKey(roomId),
    roomFeedChannel(roomId),
    recipient,
    json,
  )) as string;
  written.push(id);
  return id;
}

async function publishMany(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await publish();
}

/** Ids as a listener hears them. */
function listen(feed: RoomFeed): string[] {
  const heard: string[] = [];
  feed.on('entry', ({ id }) => void heard.push(id));
  return heard;
}

/** Cuts the connection of pub/sub, from the server's side. */
const cutSubscriber = (): Promise<unknown> => writer.call('CLIENT', 'KILL', 'TYPE', 'pubsub');

/** Ends the connection of pub/sub; `subscriber.connect()` begins it again. */
async function disconnectSubscriber(): Promise<void> {
  const ended = once(subscriber, 'end');
  subscriber.disconnect();
  await ended;
}

describe('an event reader', () => {
  it('follows a room from the newest event on, with parsed events and recipients', async () => {
    await publishMany(3);
    const feed = await reader.hold(roomId);
    expect(feed.head).toBe(written[2]);
    await publish();
    await publish(undefined, '7');
    await eventually(() => expect(feed.head).toBe(written[4]));
    expect(feed.after(written[2] as EventId)).toEqual([
      expect.objectContaining({ id: written[3], topic: 'chat', recipient: null, event: chatEvent(4) }),
      expect.objectContaining({ id: written[4], topic: 'chat', recipient: 7, event: chatEvent(5) }),
    ]);
  });

  it('has the newest events in memory from the start, for those who come to this node together', async () => {
    await publishMany(20);
    const short = new EventReader(commands, subscriber, silentLogger, 8);
    const feed = await short.hold(roomId);
    expect(feed.floor).toBe(written[11]);
    expect(feed.after(written[11] as EventId)?.map(({ id }) => id)).toEqual(written.slice(12));
    expect(feed.after(written[10] as EventId)).toBeNull();
  });

  it('has every event once and in order while announcements race the first reading of the log', async () => {
    for (let round = 0; round < 20; round += 1) {
      roomId = roomIdSchema.parse(String((roomNumber += 1)));
      written = [];
      const publishing = publishMany(60);
      const feed = await reader.hold(roomId);
      await publishing;
      await eventually(() => expect(feed.head).toBe(written.at(-1)));
      const ids = feed.after(feed.floor)?.map(({ id }) => id);
      expect(ids).toEqual(written.slice(written.indexOf(feed.floor) + 1));
      reader.release(roomId);
    }
  });

  it('loses and doubles nothing when its connection is cut again and again', async () => {
    const feed = await reader.hold(roomId);
    const heard = listen(feed);
    const publishing = publishMany(1_500);
    for (let cut = 0; cut < 5; cut += 1) {
      await eventually(() => expect(written.length).toBeGreaterThan((cut + 1) * 200));
      await cutSubscriber();
    }
    await publishing;
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(written.length));
    expect(heard).toEqual(written);
  });

  it('reads what it missed while it was away, however many pages', async () => {
    const feed = await reader.hold(roomId);
    const heard = listen(feed);
    await disconnectSubscriber();
    await publishMany(1_000);
    void subscriber.connect();
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(1_000));
    expect(heard).toEqual(written);
  });

  it('skips no event when the log cannot be read at once after a cut', async () => {
    const feed = await reader.hold(roomId);
    const heard = listen(feed);
    await publishMany(5);
    await eventually(() => expect(heard).toHaveLength(5));

    await disconnectSubscriber();
    await publishMany(5);
    // Reading fails; announcements already come again.
    const readLog = commands.xrange.bind(commands);
    let failures = 0;
    commands.xrange = ((...args: Parameters<typeof readLog>) => {
      if (failures >= 2) return readLog(...args);
      failures += 1;
      return publish().then(() => Promise.reject(new Error('Command timed out')));
    }) as typeof commands.xrange;
    void subscriber.connect();
    await eventually(() => expect(failures).toBe(2));
    await publishMany(5);
    await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(written.length));
    expect(heard).toEqual(written);
  });

  it('tells of a gap when the log was trimmed further than it had read, and goes on from the newest event', async () => {
    const feed = await reader.hold(roomId);
    const heard = listen(feed);
    let gaps = 0;
    feed.on('gap', () => void (gaps += 1));
    await publishMany(3);
    await eventually(() => expect(heard).toHaveLength(3));

    await disconnectSubscriber();
    await publishMany(10);
    await writer.xtrim(roomEventsKey(roomId), 'MAXLEN', 4);
    void subscriber.connect();
    await eventually(() => expect(gaps).toBe(1));
    expect(feed.head).toBe(written.at(-1));
    await publish();
    await eventually(() => expect(heard).toHaveLength(4));
    expect(heard.at(-1)).toBe(written.at(-1));
    expect(gaps).toBe(1);
  });

  it('tells of a gap when the log was deleted meanwhile, and goes on with what is logged then', async () => {
    const feed = await reader.hold(roomId);
    let gaps = 0;
    feed.on('gap', () => void (gaps += 1));
    await publishMany(3);
    await eventually(() => expect(feed.head).toBe(written[2]));

    await disconnectSubscriber();
    await publishMany(2);
    await writer.del(roomEventsKey(roomId));
    void subscriber.connect();
    await eventually(() => expect(gaps).toBe(1));
    await publish();
    await eventually(() => expect(feed.head).toBe(written.at(-1)));
  });

  it('tells of no gap in a room that has no log yet', async () => {
    const feed = await reader.hold(roomId);
    let gaps = 0;
    feed.on('gap', () => void (gaps += 1));
    await disconnectSubscriber();
    void subscriber.connect();
    await publish();
    await eventually(() => expect(feed.head).toBe(written[0]));
    expect(gaps).toBe(0);
  });

  it('leaves out an event that does not fit its schema, and passes a whole page of them', async () => {
    await publish();
    const before = written.at(-1) as EventId;
    for (let i = 0; i < 600; i += 1) await publish('{"type":"fromTheFuture"}');
    const last = await publish();

    let cursor = before;
    const found: string[] = [];
    for (;;) {
      const page = await reader.readAfter(roomId, cursor);
      if (page === null) return expect.unreachable('The cursor is a position of the log');
      found.push(...page.entries.map(({ id }) => id));
      if (page.end === cursor) break;
      cursor = page.end;
    }
    expect(found).toEqual([last]);
  });

  it('reads past a whole page of events that do not fit after a cut', async () => {
    const feed = await reader.hold(roomId);
    await publish();
    await eventually(() => expect(feed.head).toBe(written[0]));
    await disconnectSubscriber();
    for (let i = 0; i < 600; i += 1) await publish('{"type":"fromTheFuture"}');
    const last = await publish();
    void subscriber.connect();
    await eventually(() => expect(feed.head).toBe(last));
    expect(feed.after(feed.floor)).toHaveLength(2);
  });

  it('answers null for a position that the log does not have', async () => {
    await publishMany(10);
    expect(await reader.readAfter(roomId, '1-1' as EventId)).toBeNull();
    expect(await reader.readAfter(roomId, '9999999999999999-0' as EventId)).toBeNull();
    await writer.xtrim(roomEventsKey(roomId), 'MAXLEN', 2);
    expect(await reader.readAfter(roomId, written[3] as EventId)).toBeNull();
    expect((await reader.readAfter(roomId, written[8] as EventId))?.entries).toHaveLength(1);
  });

  it('follows a room once for all holders, and lets go with the last', async () => {
    const [first, second] = await Promise.all([reader.hold(roomId), reader.hold(roomId)]);
    expect(first).toBe(second);
    reader.release(roomId);
    await publish();
    await eventually(() => expect(first.head).toBe(written[0]));
    reader.release(roomId);
    reader.release(roomId);
    expect(reader.size).toBe(0);
    await eventually(async () => {
      expect(await writer.pubsub('NUMSUB', roomFeedChannel(roomId))).toEqual([roomFeedChannel(roomId), 0]);
    });
  });

  it('forgets a room that could not be followed, so that the next holder tries again', async () => {
    const readNewest = commands.xrevrange.bind(commands);
    commands.xrevrange = () => Promise.reject(new Error('Command timed out'));
    await expect(reader.hold(roomId)).rejects.toThrow('Command timed out');
    expect(reader.size).toBe(0);
    commands.xrevrange = readNewest;
    const feed = await reader.hold(roomId);
    await publish();
    await eventually(() => expect(feed.head).toBe(written[0]));
  });
});
