import type { PipeTransport } from 'mediasoup/types';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPool, rtpParameters, sessionId, silentLogger, userId } from '../../test/support/media.ts';
import { Audience } from './audience.ts';
import { AudienceGroup } from './audience-group.ts';
import { Stage } from './stage.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;

beforeAll(async () => {
  pool = await createPool(2);
});
afterAll(() => pool.close());

async function openStage(on = pool): Promise<Stage> {
  const stage = await Stage.open(on.leastLoaded(), silentLogger);
  onTestFinished(() => stage.close());
  return stage;
}

async function addSpeaker(stage: Stage) {
  return stage.produce(await stage.router.createDirectTransport(), {
    sessionId: sessionId(),
    userId: userId(7),
    source: 'microphone',
    rtpParameters: rtpParameters(),
    paused: false,
    assertWanted: () => undefined,
  });
}

/** An audience whose stage end of the pipe refuses the first `failures` consumes. */
async function openFailing(stage: Stage, failures: number) {
  const { router } = stage;
  const create = router.createPipeTransport.bind(router);
  let near: PipeTransport | undefined;
  const spy = vi.spyOn(router, 'createPipeTransport').mockImplementation(async (options) => {
    near = await create(options);
    return near;
  });
  const audience = await Audience.open({
    worker: pool.leastLoaded(),
    stage: router,
    logger: silentLogger,
    isHeld: () => false,
    onLost: vi.fn(),
  });
  onTestFinished(() => audience.close());
  spy.mockRestore();
  if (!near) throw new Error('the pipe was not opened through the router');
  const consume = vi.spyOn(near, 'consume');
  for (let failure = 0; failure < failures; failure++) consume.mockRejectedValueOnce(new Error('no pipe today'));
  return { audience, consume };
}

describe('Audience', () => {
  it('tries a failed pipe again until it works, and a waiting listener gets the producer', async () => {
    const stage = await openStage();
    const { audience, consume } = await openFailing(stage, 3);
    const entry = await addSpeaker(stage);
    audience.forward(entry);
    const forwarded = await audience.forwarded(entry);
    expect(consume).toHaveBeenCalledTimes(4);
    expect(forwarded.closed).toBe(false);
    expect(await audience.forwarded(entry)).toBe(forwarded);
  });

  it('answers MEDIA_UNAVAILABLE when a pipe keeps failing, and works once the pipe does', async () => {
    const stage = await openStage();
    const { audience, consume } = await openFailing(stage, 0);
    consume.mockRejectedValue(new Error('no pipe today'));
    const entry = await addSpeaker(stage);
    await expect(audience.forwarded(entry)).rejects.toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
    consume.mockRestore();
    expect((await audience.forwarded(entry)).closed).toBe(false);
  }, 10_000);

  it('stops trying when the producer is closed', async () => {
    const stage = await openStage();
    const { audience, consume } = await openFailing(stage, 0);
    consume.mockRejectedValue(new Error('no pipe today'));
    const entry = await addSpeaker(stage);
    const waiting = audience.forwarded(entry);
    await vi.waitFor(() => expect(consume).toHaveBeenCalledTimes(2));
    stage.closeProducer(entry);
    await expect(waiting).rejects.toMatchObject({ code: 'PRODUCER_NOT_FOUND' });
    const attempts = consume.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(consume).toHaveBeenCalledTimes(attempts);
  });

  it('stops trying at once when it is closed', async () => {
    const stage = await openStage();
    const { audience, consume } = await openFailing(stage, 0);
    consume.mockRejectedValue(new Error('no pipe today'));
    const waiting = audience.forwarded(await addSpeaker(stage));
    await vi.waitFor(() => expect(consume).toHaveBeenCalledTimes(3));
    audience.close();
    await expect(waiting).rejects.toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
  });
});

describe('AudienceGroup', () => {
  async function openGroup(listenersPerRouter: number, maxForwarded = Infinity, on = pool) {
    const stage = await openStage(on);
    const isHeld = () => false;
    const options = {
      pool: on,
      stage,
      logger: silentLogger,
      listenersPerRouter,
      maxForwarded,
      isHeld,
      onLost: vi.fn(),
    };
    const group = new AudienceGroup(options);
    onTestFinished(() => group.close());
    return { stage, group };
  }

  it('opens one router for many listeners who come at the same time', async () => {
    const { group } = await openGroup(100);
    const places = Array.from({ length: 50 }, () => group.take());
    expect(group.size).toBe(1);
    expect(new Set(await Promise.all(places.map((place) => place.audience))).size).toBe(1);
  });

  it('opens another router when one is full, feeds it all producers, and fills gaps first', async () => {
    const { stage, group } = await openGroup(2);
    const before = await addSpeaker(stage);
    const places = [group.take(), group.take(), group.take()];
    const audiences = await Promise.all(places.map((place) => place.audience));
    expect(new Set(audiences).size).toBe(2);
    const after = await addSpeaker(stage);
    for (const audience of new Set(audiences)) {
      await vi.waitFor(async () => {
        const { mapProducerIdConsumerIds } = await audience.router.dump();
        expect(mapProducerIdConsumerIds).toHaveLength(2);
      });
      for (const entry of [before, after]) expect((await audience.forwarded(entry)).closed).toBe(false);
    }
    places[0]?.release();
    expect(await group.take().audience).toBe(audiences[0]);
  });

  it('spreads those who come at the same time by what they will be sent', async () => {
    await using own = new AsyncDisposableStack();
    const twoWorkers = own.adopt(await createPool(2, { nearness: 300 }), (closing) => closing.close());
    const { stage, group } = await openGroup(200, 2, twoWorkers);
    for (let speaker = 0; speaker < 3; speaker += 1) await addSpeaker(stage);
    // Two streams each, though three speak: a full router is 400.
    const places = Array.from({ length: 600 }, () => group.take());
    expect(new Set(await Promise.all(places.map((place) => place.audience))).size).toBe(4);
    // The stage, and by turns what is near it or has less to do.
    expect((await twoWorkers.dump()).map(({ routers }) => routers)).toEqual([3, 2]);
  });

  it('takes another worker for a large room long before a router is full, and keeps a small one together', async () => {
    await using own = new AsyncDisposableStack();
    const twoWorkers = own.adopt(await createPool(2, { nearness: 150 }), (closing) => closing.close());
    const { stage, group } = await openGroup(500, 2, twoWorkers);
    for (let speaker = 0; speaker < 3; speaker += 1) await addSpeaker(stage);
    const first = Array.from({ length: 100 }, () => group.take());
    expect(group.size).toBe(1);
    const places = [...first, ...Array.from({ length: 300 }, () => group.take())];
    const listeners = new Map<unknown, number>();
    for (const audience of await Promise.all(places.map((place) => place.audience))) {
      listeners.set(audience, (listeners.get(audience) ?? 0) + 1);
    }
    // The stage's worker has the stage to see to as well.
    expect([...listeners.values()].map((count) => Math.round(count / 20) * 20)).toEqual([200, 200]);
    expect((await twoWorkers.dump()).map(({ routers }) => routers)).toEqual([2, 1]);
  });

  it('closes a router when its last place is given back', async () => {
    const { group } = await openGroup(2);
    const places = [group.take(), group.take()];
    const audience = await places[0]?.audience;
    places[0]?.release();
    places[0]?.release();
    expect(group.size).toBe(1);
    expect(audience?.router.closed).toBe(false);
    places[1]?.release();
    expect(group.size).toBe(0);
    expect(audience?.router.closed).toBe(true);
  });

  it('leaves nothing when the last place is given back while the router is being opened', async () => {
    const { stage, group } = await openGroup(2);
    const place = group.take();
    place.release();
    await expect(place.audience).rejects.toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
    expect((await stage.router.dump()).transportIds).toEqual([]);
    const routers = (await pool.dump()).reduce((sum, worker) => sum + worker.routers, 0);
    expect(routers).toBe(1);
  });
});
