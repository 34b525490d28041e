import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createPool, opusCapabilities, rtpParameters, silentLogger } from '../../test/support/media.ts';
import { MediaWorker } from './media-worker.ts';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';

const pools: WorkerPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

async function openPool(size: number, options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const pool = await createPool(size, options);
  pools.push(pool);
  return pool;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** The statistics of the only worker. */
async function onlyWorker(pool: WorkerPool) {
  const [stats] = await pool.stats();
  if (!stats) throw new Error('the pool has no worker');
  return stats;
}

describe('WorkerPool', () => {
  it('starts as many workers as asked for and ends their processes on close', async () => {
    const pool = await openPool(2);
    const pids = (await pool.stats()).map((worker) => worker.pid ?? 0);
    expect(new Set(pids).size).toBe(2);
    expect(pool.healthy).toBe(true);
    await Promise.all([pool.close(), pool.close()]);
    expect(pool.healthy).toBe(false);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(() => pool.leastLoaded()).toThrow(expect.objectContaining({ code: 'MEDIA_UNAVAILABLE' }));
  });

  it('leaves no listener on the signals of the process', async () => {
    const before = [process.listeners('SIGTERM'), process.listeners('SIGINT')];
    await openPool(2);
    expect([process.listeners('SIGTERM'), process.listeners('SIGINT')]).toEqual(before);
  });

  it('spreads routers that are opened at the same time over all workers', async () => {
    const pool = await openPool(2);
    await Promise.all(Array.from({ length: 6 }, () => pool.leastLoaded().createRouter()));
    expect((await pool.stats()).map((worker) => worker.routers)).toEqual([3, 3]);
    expect((await pool.dump()).map((worker) => worker.routers)).toEqual([3, 3]);
  });

  it('refuses a router beyond the limit of every worker', async () => {
    const pool = await WorkerPool.create({
      size: 1,
      webRtcServer: { addresses: [{ listenIp: '127.0.0.1' }], basePort: 0 },
      logLevel: 'error',
      logger: silentLogger,
      maxRoutersPerWorker: 1,
    });
    pools.push(pool);
    const router = await pool.leastLoaded().createRouter();
    expect(() => pool.leastLoaded()).toThrow(expect.objectContaining({ code: 'MEDIA_UNAVAILABLE' }));
    router.close();
    expect(pool.leastLoaded().routers).toBe(0);
  });

  it('counts transports and consumers while they exist and reports the use of the process', async () => {
    const pool = await openPool(1);
    const worker = pool.leastLoaded();
    const router = await worker.createRouter();
    await worker.createWebRtcTransport(router);
    const stats = await onlyWorker(pool);
    expect(stats).toMatchObject({ index: 0, alive: true, routers: 1, transports: 1, consumers: 0 });
    expect(stats.maxRss).toBeGreaterThan(1_000);
    expect(await pool.dump()).toEqual([{ index: 0, routers: 1, webRtcServers: 1, webRtcTransports: 1 }]);
    router.close();
    expect(await onlyWorker(pool)).toMatchObject({ routers: 0, transports: 0 });
    expect(await pool.dump()).toEqual([{ index: 0, routers: 0, webRtcServers: 1, webRtcTransports: 0 }]);
  });

  it('answers what it knows when a worker hangs, and when one dies while it is asked', async () => {
    const pool = await openPool(2);
    const [first] = await pool.stats();
    const pid = first?.pid ?? expect.unreachable();
    process.kill(pid, 'SIGSTOP');
    try {
      const [stats, dumps] = await Promise.all([pool.stats(), pool.dump()]);
      expect(stats.map(({ alive }) => alive)).toEqual([false, true]);
      expect(dumps.map(({ index }) => index)).toEqual([1]);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    process.kill(pid, 'SIGSTOP');
    const asked = pool.dump();
    process.kill(pid, 'SIGKILL');
    expect((await asked).map(({ index }) => index)).toEqual([1]);
  });

  it('opens routers near those that a room has, unless there is much more to do', async () => {
    const pool = await openPool(2, { nearness: 10, maxForwarded: 2 });
    const near = pool.leastLoaded();
    const router = await near.createRouter();
    const far = pool.leastLoaded();
    expect(far).not.toBe(near);
    const source = await router.createDirectTransport();
    const producers = await Promise.all(
      [1, 2, 3].map((ssrc) => source.produce({ kind: 'audio', rtpParameters: rtpParameters(ssrc) })),
    );
    const loads = [];
    for (let listener = 0; listener < 6; listener++) {
      expect(pool.near(near)).toBe(listener < 5 ? near : far);
      loads.push(near.load);
      const transport = await near.createWebRtcTransport(router);
      for (const { id } of producers) await transport.consume({ producerId: id, rtpCapabilities: opusCapabilities });
    }
    // Of three consumers two are sent to at a time.
    expect(loads).toEqual([1, 3, 5, 7, 9, 11]);
    router.close();
    expect(near.load).toBe(0);
  });

  it('gives each worker one UDP and one TCP port that all its transports share', async () => {
    const pool = await openPool(1);
    const worker = pool.leastLoaded();
    const router = await worker.createRouter();
    const ports = async () =>
      (await worker.createWebRtcTransport(router)).iceCandidates.map(({ protocol, port }) => `${protocol} ${port}`);
    const first = await ports();
    expect(first.map((port) => port.split(' ')[0]).sort()).toEqual(['tcp', 'udp']);
    expect(await ports()).toEqual(first);
  });

  it('listens on IPv4 and IPv6, on one port', async () => {
    const basePort = await freeUdpPort();
    const addresses = [{ listenIp: '127.0.0.1' }, { listenIp: '::1', announcedAddress: '2001:db8::7' }];
    const pool = await openPool(1, { webRtcServer: { addresses, basePort } });
    const worker = pool.leastLoaded();
    const { iceCandidates } = await worker.createWebRtcTransport(await worker.createRouter());
    expect(iceCandidates.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`).sort()).toEqual([
      `tcp 127.0.0.1 ${basePort}`,
      `tcp 2001:db8::7 ${basePort}`,
      `udp 127.0.0.1 ${basePort}`,
      `udp 2001:db8::7 ${basePort}`,
    ]);
  });

  it('can take the ports of transports out of a range and announce another address', async () => {
    const pool = await WorkerPool.create({
      size: 1,
      portRange: {
        addresses: [{ listenIp: '127.0.0.1', announcedAddress: '192.0.2.1' }],
        minPort: 46_000,
        maxPort: 46_099,
      },
      logLevel: 'error',
      logger: silentLogger,
    });
    pools.push(pool);
    const worker = pool.leastLoaded();
    const { iceCandidates } = await worker.createWebRtcTransport(await worker.createRouter());
    expect(iceCandidates).toHaveLength(2);
    for (const candidate of iceCandidates) {
      expect(candidate.address).toBe('192.0.2.1');
      expect(candidate.port).toBeGreaterThanOrEqual(46_000);
      expect(candidate.port).toBeLessThanOrEqual(46_099);
    }
  });

  it('says which port is taken when it cannot start', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    const starting = WorkerPool.create({
      size: 1,
      webRtcServer: { addresses: [{ listenIp: '127.0.0.1' }], basePort: port },
      logLevel: 'none',
      logger: silentLogger,
    });
    await expect(starting).rejects.toThrow(`port ${port}`);
    socket.close();
  });

  it('leaves no worker running, nor starting, when one does not start', async () => {
    const start = MediaWorker.start.bind(MediaWorker);
    const started: MediaWorker[] = [];
    let starting = 0;
    const spy = vi.spyOn(MediaWorker, 'start').mockImplementation(async (options) => {
      if (options.index === 0) throw new Error('no worker today');
      starting += 1;
      const worker = await start(options).finally(() => (starting -= 1));
      started.push(worker);
      return worker;
    });
    onTestFinished(() => spy.mockRestore());
    await expect(createPool(3)).rejects.toThrow('no worker today');
    expect(starting).toBe(0);
    expect(started).toHaveLength(2);
    for (const { alive, pid } of started)
      expect({ alive, runs: isRunning(pid) }).toEqual({ alive: false, runs: false });
  });

  it('replaces a worker that was killed, on the same port', async () => {
    const basePort = await freeUdpPort();
    const pool = await WorkerPool.create({
      size: 1,
      webRtcServer: { addresses: [{ listenIp: '127.0.0.1' }], basePort },
      logLevel: 'error',
      logger: silentLogger,
    });
    pools.push(pool);
    const died = vi.fn();
    pool.on('workerDied', died);
    const pid = (await onlyWorker(pool)).pid ?? 0;

    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(died).toHaveBeenCalledOnce());
    expect(died).toHaveBeenCalledWith(expect.objectContaining({ index: 0, pid }));
    await eventually(() => expect(pool.healthy).toBe(true));

    const worker = pool.leastLoaded();
    expect(worker.pid).not.toBe(pid);
    const { iceCandidates } = await worker.createWebRtcTransport(await worker.createRouter());
    expect(new Set(iceCandidates.map((candidate) => candidate.port))).toEqual(new Set([basePort]));
  });

  it('waits longer before each restart of a worker that dies again and again', async () => {
    const pool = await openPool(1);
    const downtimes: number[] = [];
    for (let death = 0; death < 3; death++) {
      const pid = (await onlyWorker(pool)).pid ?? 0;
      const restarted = new Promise<void>((resolve) => pool.once('workerRestarted', () => resolve()));
      const start = Date.now();
      process.kill(pid, 'SIGKILL');
      await restarted;
      downtimes.push(Date.now() - start);
    }
    // Delays of 0, 250 and 500 ms, plus the start of a process.
    expect(downtimes[1]).toBeGreaterThanOrEqual(240);
    expect(downtimes[2]).toBeGreaterThanOrEqual(490);
  }, 15_000);

  it('stays closed when it is closed while a worker is being replaced', async () => {
    const pool = await openPool(1);
    const pid = (await onlyWorker(pool)).pid ?? 0;
    const died = new Promise<void>((resolve) => pool.once('workerDied', () => resolve()));
    const restarted = vi.fn();
    pool.on('workerRestarted', restarted);
    process.kill(pid, 'SIGKILL');
    await died;
    await pool.close();
    expect(restarted).not.toHaveBeenCalled();
    expect((await onlyWorker(pool)).pid).toBeNull();
  });

  it('kills a worker that no longer answers, and replaces it', async () => {
    const pool = await openPool(1, { watchdog: { intervalMs: 100, idleMs: 3_000, busyMs: 60_000 } });
    const { pid } = await onlyWorker(pool);
    await delay(1_000);
    expect(await onlyWorker(pool)).toMatchObject({ pid, alive: true });
    process.kill(pid ?? 0, 'SIGSTOP');
    await eventually(() => expect(isRunning(pid ?? 0)).toBe(false), 20_000);
    await eventually(async () => expect(await onlyWorker(pool)).toMatchObject({ alive: true }));
    expect((await onlyWorker(pool)).pid).not.toBe(pid);
  }, 40_000);

  it('reports a frozen worker as not alive instead of waiting for it, and still ends it on close', async () => {
    const pool = await openPool(1);
    const pid = (await onlyWorker(pool)).pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    expect(await onlyWorker(pool)).toMatchObject({ pid, alive: false });
    await pool.close();
    await eventually(() => expect(isRunning(pid)).toBe(false));
  }, 15_000);
});
