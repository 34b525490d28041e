import { describe, expect, it } from 'vitest';
import { eventId, feedEntry } from '../../test/support/feed-entries.ts';
import { compareEventIds, type EventId, roomIdSchema } from '../core/ids.ts';
import type { LogPage } from './event-reader.ts';
import { LogPages } from './log-pages.ts';

const roomId = roomIdSchema.parse('1');
const pageLength = 10;

/** A log of numbered events that grows, read a page at a time; notes every read. */
class FakeLog {
  length = 0;
  readonly reads: EventId[] = [];
  underWay = 0;
  mostUnderWay = 0;

  async readAfter(_room: typeof roomId, cursor: EventId): Promise<LogPage | null> {
    this.reads.push(cursor);
    this.underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay -= 1;
    if (compareEventIds(cursor, eventId(this.length)) > 0) return null;
    const entries = Array.from({ length: this.length }, (_, n) => feedEntry(n + 1))
      .filter(({ id }) => compareEventIds(id, cursor) > 0)
      .slice(0, pageLength);
    return { entries, end: entries.at(-1)?.id ?? cursor, full: entries.length === pageLength };
  }
}

function open(length: number) {
  const log = new FakeLog();
  log.length = length;
  return { log, pages: new LogPages(log) };
}

/** Follows the pages from a cursor to the end of the log. */
async function replay(pages: LogPages, cursor: EventId): Promise<EventId[]> {
  const ids: EventId[] = [];
  for (;;) {
    const part = (await pages.after(roomId, cursor)) ?? expect.unreachable();
    if (part.entries.length === 0) return ids;
    ids.push(...part.entries.map(({ id }) => id));
    cursor = part.end;
  }
}

describe('pages of a log', () => {
  it('give every client exactly what it missed, whatever its cursor, at the price of little more than one', async () => {
    const { log, pages } = open(200);
    const clients = 20;
    const replays = await Promise.all(Array.from({ length: clients }, (_, n) => replay(pages, eventId(100 + n))));
    for (const [n, ids] of replays.entries()) {
      expect(ids).toEqual(Array.from({ length: 100 - n }, (_, index) => eventId(101 + n + index)));
    }
    // Each asks for what comes after the end itself, which nobody knows.
    const alone = 100 / pageLength;
    expect(log.reads.length - clients).toBeLessThan(3 * alone);
    expect(log.mostUnderWay).toBe(2);
  });

  it('know nothing of what comes after the end of a page', async () => {
    const { log, pages } = open(5);
    expect((await pages.after(roomId, eventId(0)))?.end).toBe(eventId(5));
    log.length = 8;
    expect((await pages.after(roomId, eventId(5)))?.entries.map(({ id }) => id)).toEqual([6, 7, 8].map(eventId));
    // From before the end it is two pages, without a hole between.
    expect(await replay(pages, eventId(2))).toEqual([3, 4, 5, 6, 7, 8].map(eventId));
  });

  it('are not mixed up between rooms', async () => {
    const { log, pages } = open(5);
    await pages.after(roomId, eventId(0));
    await pages.after(roomIdSchema.parse('2'), eventId(0));
    expect(log.reads).toHaveLength(2);
  });

  it('of many rooms are read beside each other, at most two of one and eight in all', async () => {
    const { log, pages } = open(200);
    const rooms = Array.from({ length: 10 }, (_, n) => roomIdSchema.parse(String(n + 1)));
    // Positions in no common page, so that each is a read of its own.
    const replayOf = (room: typeof roomId) => Promise.all([0, 50, 100, 150].map((n) => pages.after(room, eventId(n))));
    await replayOf(roomId);
    expect(log.mostUnderWay).toBe(2);
    await Promise.all(rooms.slice(1).map(replayOf));
    expect(log.mostUnderWay).toBe(8);
  });

  it('of a room that is busy do not push those of another out', async () => {
    const { log, pages } = open(200);
    await pages.after(roomId, eventId(0));
    await replay(pages, eventId(0));
    const other = roomIdSchema.parse('2');
    await pages.after(other, eventId(0));
    for (let n = 0; n < 200; n += pageLength) await pages.after(roomId, eventId(n));
    const reads = log.reads.length;
    await pages.after(other, eventId(0));
    expect(log.reads).toHaveLength(reads);
  });

  it('do not remember that a cursor was unknown', async () => {
    const { log, pages } = open(5);
    expect(await pages.after(roomId, eventId(7))).toBeNull();
    log.length = 8;
    expect((await pages.after(roomId, eventId(7)))?.end).toBe(eventId(8));
  });

  it('pass on that Redis cannot be reached, and try again', async () => {
    let away = true;
    const log = new FakeLog();
    log.length = 3;
    const pages = new LogPages({
      readAfter: (room, cursor) => (away ? Promise.reject(new Error('Away')) : log.readAfter(room, cursor)),
    });
    for (let n = 0; n < 5; n += 1) await expect(pages.after(roomId, eventId(0))).rejects.toThrow('Away');
    away = false;
    expect((await pages.after(roomId, eventId(0)))?.end).toBe(eventId(3));
  });
});
