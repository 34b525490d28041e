import { describe, expect, it } from 'vitest';
import { feedEntry, eventId, userId } from '../../test/support/feed-entries.ts';
import { roomIdSchema } from '../core/ids.ts';
import { isFor, RoomFeed } from './room-feed.ts';

const ignoreErrors = (): void => undefined;

function makeFeed(ringLength?: number): RoomFeed {
  return new RoomFeed(roomIdSchema.parse('1'), eventId(0), ignoreErrors, ringLength);
}

function fill(feed: RoomFeed, from: number, to: number): void {
  for (let n = from; n <= to; n += 1) feed.append(feedEntry(n));
}

const idsOf = (entries: readonly { id: string }[] | null): string[] | null => entries?.map(({ id }) => id) ?? null;

describe('a room feed', () => {
  it('answers what came after a position, in order', () => {
    const feed = makeFeed();
    fill(feed, 1, 3);
    expect(idsOf(feed.after(eventId(0)))).toEqual([eventId(1), eventId(2), eventId(3)]);
    expect(idsOf(feed.after(eventId(2)))).toEqual([eventId(3)]);
    expect(idsOf(feed.after(eventId(3)))).toEqual([]);
    expect(feed.head).toBe(eventId(3));
  });

  it('answers nothing after a position that only other nodes have reached', () => {
    const feed = makeFeed();
    fill(feed, 1, 3);
    expect(feed.after(eventId(9))).toEqual([]);
    expect(feed.has(eventId(9))).toBe(false);
  });

  it('compares ids by number, not by text', () => {
    const feed = makeFeed();
    fill(feed, 9, 11);
    expect(idsOf(feed.after(eventId(9)))).toEqual([eventId(10), eventId(11)]);
  });

  it('drops an entry that it has already, without telling listeners', () => {
    const feed = makeFeed();
    const told: string[] = [];
    feed.on('entry', ({ id }) => void told.push(id));
    fill(feed, 1, 3);
    fill(feed, 2, 4);
    expect(told).toEqual([1, 2, 3, 4].map(eventId));
    expect(feed.after(eventId(0))).toHaveLength(4);
  });

  it('keeps at least the ring length, at most twice that, and says so when a position is older', () => {
    const feed = makeFeed(4);
    for (let n = 1; n <= 100; n += 1) {
      feed.append(feedEntry(n));
      const kept = feed.after(feed.floor)?.length ?? 0;
      expect(kept).toBeLessThan(8);
      expect(kept).toBeGreaterThanOrEqual(Math.min(n, 4));
    }
    expect(feed.after(eventId(1))).toBeNull();
    expect(feed.has(eventId(1))).toBe(false);
    expect(feed.after(feed.floor)?.[0]?.id).toBe(eventId(Number(feed.floor.split('-')[0]) + 1));
  });

  it('has the position it begins after, those of its entries, and no other', () => {
    const feed = makeFeed();
    feed.append(feedEntry(2));
    feed.append(feedEntry(4));
    expect([0, 1, 2, 3, 4, 5].filter((n) => feed.has(eventId(n)))).toEqual([0, 2, 4]);
  });

  it('forgets everything when events were lost, and tells', () => {
    const feed = makeFeed();
    let gaps = 0;
    feed.on('gap', () => void (gaps += 1));
    fill(feed, 1, 3);
    feed.restart(eventId(50));
    expect(gaps).toBe(1);
    expect(feed.head).toBe(eventId(50));
    expect(feed.after(eventId(3))).toBeNull();
    feed.append(feedEntry(40));
    expect(feed.head).toBe(eventId(50));
  });
});

describe('the filter of a subscriber', () => {
  it('passes entries of its topic that are for everybody or for its user', () => {
    const filter = { topic: 'chat', userId: userId(7) } as const;
    expect(isFor(feedEntry(1), filter)).toBe(true);
    expect(isFor(feedEntry(1, { recipient: 7 }), filter)).toBe(true);
    expect(isFor(feedEntry(1, { recipient: 8 }), filter)).toBe(false);
    expect(isFor(feedEntry(1, { topic: 'room' }), filter)).toBe(false);
  });
});
