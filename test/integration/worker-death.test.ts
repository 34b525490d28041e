import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askWorkers } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { rtpParameters } from '../support/media.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('the death of a mediasoup worker', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  /** Kills the workers that hold a router and answers their pids. */
  async function killBusyWorkers(): Promise<number[]> {
    const workers = await askWorkers(server.url, server.internalKey);
    const pids = workers.flatMap(({ pid, routers }) => (pid !== null && routers > 0 ? [pid] : []));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return pids;
  }

  it('costs a room its audio for a moment, and nothing else', async () => {
    const roomId = addRoom(server);
    await using speaker = await enter(server, roomId);
    await using listener = await enter(server, roomId);
    using media = await follow(listener, 'media');
    const { trpc } = speaker;
    await trpc.seat.take.mutate({ roomId, seat: 2 });
    const produce = async (): Promise<string> => {
      const { transportId } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
      const { producerId } = await trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters() });
      return producerId;
    };
    const lost = await produce();
    await listener.trpc.media.createTransport.mutate({ roomId, direction: 'receive' });

    const pids = await killBusyWorkers();
    expect(pids).not.toEqual([]);
    await eventually(() =>
      expect(media.of('producerClosed')).toEqual([
        { type: 'producerClosed', producerId: lost, userId: speaker.user.id, reason: 'failed' },
      ]),
    );
    expect((await listener.trpc.room.get.query({ roomId })).seats[2]?.userId).toBe(speaker.user.id);
    await trpc.chat.send.mutate({ roomId, content: 'Can you hear me?' });

    const regained = await eventually(produce);
    await eventually(() => expect(media.of('producerOpened').at(-1)?.producer.producerId).toBe(regained));
    expect((await listener.trpc.room.get.query({ roomId })).producers).toMatchObject([{ producerId: regained }]);
    await eventually(async () => {
      const workers = await askWorkers(server.url, server.internalKey);
      expect(workers.every(({ alive }) => alive)).toBe(true);
      for (const pid of pids) expect(workers.map((worker) => worker.pid)).not.toContain(pid);
    });
  });

  it('shows in the health of the node until the worker is back', async () => {
    const health = async () => {
      const response = await fetch(`${server.url}/health`);
      return { status: response.status, body: (await response.json()) as { status: string; workers: unknown } };
    };
    expect(await health()).toMatchObject({ status: 200, body: { workers: { count: 2, healthy: true } } });
    // The first restart is at once; each death makes the wait before the next one longer, until it is seen.
    await eventually(async () => {
      const [worker] = await askWorkers(server.url, server.internalKey);
      if (worker && worker.pid !== null) process.kill(worker.pid, 'SIGKILL');
      expect(await health()).toMatchObject({
        status: 503,
        body: { status: 'degraded', redis: 'up', workers: { count: 2, healthy: false } },
      });
      expect((await fetch(`${server.url}/ready`)).status).toBe(503);
    }, 20_000);
    expect((await fetch(`${server.url}/live`)).status).toBe(200);
    const isBack = async () => expect(await health()).toMatchObject({ status: 200, body: { status: 'ok' } });
    await eventually(isBack, 20_000);
  }, 60_000);
});
