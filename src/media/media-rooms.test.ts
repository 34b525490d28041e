import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPool, roomId, sessionId, silentLogger } from '../../test/support/media.ts';
import { MediaRooms } from './media-rooms.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;
let rooms: MediaRooms;

beforeEach(async () => {
  pool = await createPool(2);
  rooms = new MediaRooms({ pool, logger: silentLogger });
});
afterEach(async () => {
  rooms.closeAll();
  await pool.close();
});

const routers = async () => (await pool.dump()).reduce((sum, worker) => sum + worker.routers, 0);

describe('MediaRooms', () => {
  it('opens a room once for 50 callers at the same time', async () => {
    const id = roomId();
    const opened = await Promise.all(Array.from({ length: 50 }, () => rooms.open(id)));
    expect(new Set(opened).size).toBe(1);
    expect(rooms.size).toBe(1);
    expect(rooms.get(id)).toBe(opened[0]);
    expect(await routers()).toBe(1);
  });

  it('spreads rooms that are opened at the same time over the workers', async () => {
    await Promise.all(Array.from({ length: 10 }, () => rooms.open(roomId())));
    expect((await pool.dump()).map((worker) => worker.routers)).toEqual([5, 5]);
    expect(rooms.all()).toHaveLength(10);
  });

  it('forgets an opening that failed', async () => {
    const id = roomId();
    const spy = vi.spyOn(pool, 'leastLoaded').mockImplementationOnce(() => {
      throw new Error('no worker today');
    });
    await expect(rooms.open(id)).rejects.toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
    expect(rooms.size).toBe(0);
    spy.mockRestore();
    expect((await rooms.open(id)).closed).toBe(false);
  });

  it('leaves nothing of a room that is closed while it is being opened, and opens it anew', async () => {
    const id = roomId();
    const first = rooms.open(id);
    rooms.close(id);
    const second = rooms.open(id);
    await expect(first).rejects.toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
    const media = await second;
    expect(rooms.get(id)).toBe(media);
    expect(await routers()).toBe(1);
  });

  it('forgets a room that closes itself', async () => {
    const id = roomId();
    const media = await rooms.open(id);
    media.close();
    expect(rooms.get(id)).toBeUndefined();
    expect(rooms.size).toBe(0);
    expect(await rooms.open(id)).not.toBe(media);
  });

  it('forgets a room whose worker was killed, and opens it again on another', async () => {
    const id = roomId();
    const media = await rooms.open(id);
    const lost = new Promise<void>((resolve) => media.once('routersLost', () => resolve()));
    const stats = await pool.stats();
    const worker = stats.find((candidate) => candidate.routers === 1);
    process.kill(worker?.pid ?? 0, 'SIGKILL');
    await lost;
    expect(rooms.get(id)).toBeUndefined();
    const again = await rooms.open(id);
    expect((await again.createTransport(sessionId(), 'send')).iceCandidates.length).toBeGreaterThan(0);
  });

  it('closes all rooms and leaves the workers empty', async () => {
    const opened = await Promise.all(Array.from({ length: 5 }, () => rooms.open(roomId())));
    rooms.closeAll();
    expect(opened.every((media) => media.closed)).toBe(true);
    expect(rooms.size).toBe(0);
    expect(await routers()).toBe(0);
  });
});
