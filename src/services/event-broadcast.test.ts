import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventId, feedEntry, type FeedEntryOptions, userId } from '../../test/support/feed-entries.ts';
import { type EventId, roomIdSchema } from '../core/ids.ts';
import type { ByteSink } from './byte-sink.ts';
import { type BroadcastSubscriber, EventBroadcast } from './event-broadcast.ts';
import { RoomFeed } from './room-feed.ts';
import type { EncodedMessages, WireFormat } from './wire-format.ts';

/** A client that reads only when it is told to. */
class FakeSink implements ByteSink {
  writable = true;
  bufferedBytes = 0;
  terminated = false;
  corked = 0;
  uncorked = 0;
  corkedWrites = 0;
  readonly writes: string[] = [];

  write(bytes: Uint8Array): void {
    if (this.terminated) throw new Error('Written after the end');
    this.writes.push(Buffer.from(bytes).toString());
    this.corkedWrites += this.corked;
  }

  cork(): void {
    this.corked += 1;
  }

  uncork(): void {
    this.corked -= 1;
    this.uncorked += 1;
  }

  terminate(): void {
    this.terminated = true;
    this.writable = false;
  }

  /** Numbers of the events that were written, in order. */
  get numbers(): number[] {
    return this.writes.flatMap((text) =>
      text.split(';').flatMap((part) => (part === '' ? [] : Number(part.split(':')[1]))),
    );
  }
}

/** `<request id>:<number>;` an event; counts how often events are encoded. */
class FakeWire implements WireFormat {
  encoded = 0;

  events(entries: Parameters<WireFormat['events']>[0]): EncodedMessages {
    this.encoded += entries.length;
    return { for: (requestId) => Buffer.from(entries.map(({ id }) => `${requestId}:${id.split('-')[0]};`).join('')) };
  }

  activity(): EncodedMessages {
    throw new Error('Not used here');
  }
}

let feed: RoomFeed;
let wire: FakeWire;
let broadcast: EventBroadcast;
let appended: number;

beforeEach(() => {
  vi.useFakeTimers();
  appended = 0;
  wire = new FakeWire();
  openFeed();
});
afterEach(() => {
  broadcast.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function openFeed(ringLength?: number, logLength = 2_000): void {
  const failed = (event: string, error: unknown): void => expect.unreachable(`${event}: ${String(error)}`);
  feed = new RoomFeed(roomIdSchema.parse('1'), eventId(0), failed, ringLength);
  broadcast = new EventBroadcast(feed, wire, logLength);
}

interface SubscribeOptions {
  readonly topic?: 'room' | 'chat';
  readonly user?: number;
  readonly requestId?: string;
  readonly cursor?: EventId;
  readonly sink?: FakeSink;
}

function subscribe({
  topic = 'chat',
  user = 1,
  requestId = '3',
  cursor = feed.head,
  sink = new FakeSink(),
}: SubscribeOptions = {}) {
  const gaps: EventId[] = [];
  const subscriber: BroadcastSubscriber = {
    sink,
    requestId,
    filter: { topic, userId: userId(user) },
    goBack: (from) => void gaps.push(from),
  };
  const attached = broadcast.attach(subscriber, cursor);
  return { sink, gaps, subscriber, attached };
}

/** Logs the next event, or that many. */
function publish(count = 1, options: FeedEntryOptions = {}): void {
  for (let i = 0; i < count; i += 1) feed.append(feedEntry((appended += 1), options));
}

/** Lets a flush that is due happen. */
const flush = (): Promise<unknown> => vi.advanceTimersByTimeAsync(20);

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('a broadcast', () => {
  it('writes a single event in a quiet room at once', async () => {
    const { sink } = subscribe();
    await flush();
    publish();
    await vi.advanceTimersByTimeAsync(0);
    expect(sink.numbers).toEqual([1]);
  });

  it('writes a burst as one piece within 20 ms, each event with its own id', async () => {
    const { sink } = subscribe();
    publish(10);
    await flush();
    publish(5);
    await vi.advanceTimersByTimeAsync(19);
    publish(5);
    await vi.advanceTimersByTimeAsync(1);
    expect(sink.writes).toHaveLength(2);
    expect(sink.numbers).toEqual(range(1, 20));
  });

  it('corks a socket once while it writes several topics, and not for one', async () => {
    const { sink } = subscribe({ topic: 'chat' });
    subscribe({ topic: 'room', requestId: '4', sink });
    publish(2, { topic: 'chat' });
    await flush();
    expect([sink.writes.length, sink.uncorked, sink.corked]).toEqual([1, 0, 0]);
    publish(1, { topic: 'chat' });
    publish(1, { topic: 'room' });
    await flush();
    expect([sink.writes.length, sink.uncorked, sink.corked]).toEqual([3, 1, 0]);
    expect(sink.corkedWrites).toBe(2);
  });

  it('encodes an event once, however many subscribe with whatever request ids', async () => {
    const many = range(1, 50).map((n) => subscribe({ user: n, requestId: n <= 25 ? '3' : '4' }));
    publish(4);
    await flush();
    expect(wire.encoded).toBe(4);
    for (const { sink } of many) expect(sink.numbers).toEqual([1, 2, 3, 4]);
  });

  it('writes only the topic that was subscribed to', async () => {
    const chat = subscribe({ topic: 'chat' });
    const room = subscribe({ topic: 'room' });
    publish(1, { topic: 'chat' });
    publish(1, { topic: 'room' });
    await flush();
    expect(chat.sink.numbers).toEqual([1]);
    expect(room.sink.numbers).toEqual([2]);
  });

  it('shows an event for one user to nobody else, in its place among the others', async () => {
    const ada = subscribe({ user: 7 });
    const ben = subscribe({ user: 8 });
    publish();
    publish(1, { recipient: 7 });
    publish();
    await flush();
    expect(ada.sink.numbers).toEqual([1, 2, 3]);
    expect(ben.sink.numbers).toEqual([1, 3]);
  });

  it('writes what the feed has beyond the cursor on attaching, and nothing twice', async () => {
    publish(5);
    const { sink, attached } = subscribe({ cursor: eventId(2) });
    expect(attached).toBe(true);
    expect(sink.numbers).toEqual([3, 4, 5]);
    publish(2);
    await flush();
    expect(sink.numbers).toEqual([3, 4, 5, 6, 7]);
  });

  it('refuses to attach at a cursor that is older than the memory', () => {
    broadcast.close();
    openFeed(2);
    publish(10);
    const { sink, attached } = subscribe({ cursor: eventId(1) });
    expect(attached).toBe(false);
    expect(sink.writes).toEqual([]);
  });

  it('skips what the client was told by a node that had read further', async () => {
    publish(2);
    const { sink } = subscribe({ cursor: eventId(5) });
    publish(2);
    await flush();
    publish(3);
    await flush();
    expect(sink.numbers).toEqual([6, 7]);
    publish();
    await flush();
    expect(sink.numbers).toEqual([6, 7, 8]);
  });

  it('writes what is pending before it detaches, and nothing after; detaching again has no effect', async () => {
    const { sink, subscriber } = subscribe();
    publish();
    broadcast.detach(subscriber);
    publish();
    await flush();
    broadcast.detach(subscriber);
    expect(sink.numbers).toEqual([1]);
  });

  it('writes nothing to a socket that is closing', async () => {
    const { sink } = subscribe();
    sink.writable = false;
    publish();
    await flush();
    expect(sink.writes).toEqual([]);
  });

  it('writes what is pending when it closes', () => {
    const { sink } = subscribe();
    publish();
    broadcast.close();
    publish();
    expect(sink.numbers).toEqual([1]);
  });
});

describe('a quiet topic', () => {
  it('has its clients told where the log is, once in 256 events of others, and no other topic', async () => {
    const quiet = subscribe({ topic: 'room' });
    const busy = subscribe({ topic: 'chat' });
    publish(255);
    await flush();
    expect(quiet.sink.numbers).toEqual([]);
    publish();
    await flush();
    expect(quiet.sink.numbers).toEqual([256]);
    publish(200);
    await flush();
    publish(100);
    await flush();
    expect(quiet.sink.numbers).toEqual([256, 556]);
    expect(busy.sink.numbers).toEqual(range(1, 556));
  });

  it('is one whose last event was that long ago, within one write too', async () => {
    const { sink } = subscribe({ topic: 'room' });
    publish(200);
    publish(1, { topic: 'room' });
    publish(255);
    await flush();
    expect(sink.numbers).toEqual([201]);
    publish(1);
    await flush();
    expect(sink.numbers).toEqual([201, 457]);
  });

  it('is one whose events were for others', async () => {
    const { sink } = subscribe({ topic: 'room', user: 1 });
    publish(200);
    publish(1, { topic: 'room', recipient: 2 });
    publish(55);
    await flush();
    expect(sink.numbers).toEqual([256]);
  });

  it('is told of sooner where the log is short', async () => {
    broadcast.close();
    openFeed(undefined, 100);
    const { sink } = subscribe({ topic: 'room' });
    publish(25);
    await flush();
    expect(sink.numbers).toEqual([25]);
  });

  it('moves nobody back who was told more by another node, and waits for who does not read', async () => {
    const ahead = subscribe({ topic: 'room', cursor: eventId(300) });
    const slow = subscribe({ topic: 'room', user: 2 });
    slow.sink.bufferedBytes = 256 * 1024 + 1;
    publish(256);
    await flush();
    expect(ahead.sink.numbers).toEqual([]);
    expect(slow.sink.numbers).toEqual([]);
    slow.sink.bufferedBytes = 0;
    publish(256);
    await flush();
    expect(ahead.sink.numbers).toEqual([512]);
    expect(slow.sink.numbers).toEqual([512]);
    publish(1, { topic: 'room' });
    await flush();
    expect(ahead.sink.numbers).toEqual([512, 513]);
  });
});

describe('a client that does not read', () => {
  const limit = 256 * 1024;

  it('gets nothing above 256 KiB and goes back to where it stopped once it is below 32 KiB', async () => {
    const slow = subscribe();
    const other = subscribe({ user: 2 });
    slow.sink.bufferedBytes = limit;
    publish();
    await flush();
    expect(slow.sink.numbers).toEqual([1]);

    slow.sink.bufferedBytes = limit + 1;
    publish(3);
    await flush();
    slow.sink.bufferedBytes = 32 * 1024;
    publish();
    await vi.advanceTimersByTimeAsync(200);
    expect(slow.sink.numbers).toEqual([1]);
    expect(other.sink.numbers).toEqual(range(1, 5));

    slow.sink.bufferedBytes = 32 * 1024 - 1;
    await vi.advanceTimersByTimeAsync(100);
    expect(slow.gaps).toEqual([eventId(1)]);
    expect(slow.sink.numbers).toEqual([1]);
    expect(broadcast.attach(slow.subscriber, eventId(1))).toBe(true);
    expect(slow.sink.numbers).toEqual(range(1, 5));
    publish();
    await flush();
    expect(slow.sink.numbers).toEqual(range(1, 6));
    expect(slow.sink.terminated).toBe(false);
  });

  it('is cut after 10 s, and not before', async () => {
    const { sink } = subscribe();
    sink.bufferedBytes = limit + 1;
    publish();
    await vi.advanceTimersByTimeAsync(9_900);
    expect(sink.terminated).toBe(false);
    await vi.advanceTimersByTimeAsync(300);
    expect(sink.terminated).toBe(true);
    expect(sink.numbers).toEqual([]);
  });

  it('is cut as soon as the memory does not reach back to where it stopped', async () => {
    broadcast.close();
    openFeed(4);
    const { sink } = subscribe();
    publish();
    await flush();
    sink.bufferedBytes = limit + 1;
    publish(20);
    await vi.advanceTimersByTimeAsync(200);
    expect(sink.terminated).toBe(true);
    expect(sink.numbers).toEqual([1]);
  });

  it('keeps its place when it knew more than this node while it was paused', async () => {
    publish(1);
    const { sink, gaps } = subscribe({ cursor: eventId(3) });
    sink.bufferedBytes = limit + 1;
    publish(4);
    await flush();
    sink.bufferedBytes = 0;
    await vi.advanceTimersByTimeAsync(100);
    expect(gaps).toEqual([eventId(3)]);
    expect(sink.writes).toEqual([]);
  });

  it('is forgotten when it detaches', async () => {
    const { sink, subscriber } = subscribe();
    sink.bufferedBytes = limit + 1;
    publish();
    await flush();
    broadcast.detach(subscriber);
    sink.bufferedBytes = 0;
    await vi.advanceTimersByTimeAsync(11_000);
    expect(sink.terminated).toBe(false);
    expect(sink.writes).toEqual([]);
  });
});

describe('lost events', () => {
  it('send every subscriber back to Redis, from the last event that was written to it', async () => {
    const active = subscribe();
    const paused = subscribe({ user: 2 });
    publish();
    await flush();
    paused.sink.bufferedBytes = 256 * 1024 + 1;
    publish();
    await flush();
    publish();
    feed.restart(eventId(50));
    expect(active.gaps).toEqual([eventId(3)]);
    expect(active.sink.numbers).toEqual([1, 2, 3]);
    expect(paused.gaps).toEqual([eventId(1)]);

    appended = 50;
    publish();
    await flush();
    expect(active.sink.numbers).toEqual([1, 2, 3]);
    expect(broadcast.attach(active.subscriber, eventId(50))).toBe(true);
    expect(active.sink.numbers).toEqual([1, 2, 3, 51]);
  });
});
