import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createPool, rtpPacket, rtpParameters, sessionId, silentLogger, userId } from '../../test/support/media.ts';
import type { SpeakerLevel } from '../core/events.ts';
import { Stage } from './stage.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;

beforeAll(async () => {
  pool = await createPool(1);
});
afterAll(() => pool.close());

async function openStage(): Promise<Stage> {
  const stage = await Stage.open(pool.leastLoaded(), silentLogger);
  onTestFinished(() => stage.close());
  return stage;
}

async function addSpeaker(stage: Stage, user: number, ssrc: number) {
  const transport = await stage.router.createDirectTransport();
  const entry = await stage.produce(transport, {
    sessionId: sessionId(),
    userId: userId(user),
    source: 'microphone',
    rtpParameters: rtpParameters(ssrc),
    paused: false,
    assertWanted: () => undefined,
  });
  return { entry, transport };
}

describe('Stage', () => {
  it('limits what a send transport may bring in', async () => {
    const stage = await openStage();
    const { transport } = await stage.createTransport();
    expect(await transport.getStats()).toMatchObject([{ maxIncomingBitrate: 128_000 }]);
  });

  it('reports the levels of real RTP, loudest first, and the silence after it', async () => {
    const stage = await openStage();
    const reports: SpeakerLevel[][] = [];
    stage.on('levels', (levels) => void reports.push(levels));
    const quiet = await addSpeaker(stage, 7, 700);
    const loud = await addSpeaker(stage, 8, 800);
    const silent = await addSpeaker(stage, 9, 900);

    for (let sequence = 0; sequence < 50; sequence++) {
      for (const { speaker, ssrc, level } of [
        { speaker: quiet, ssrc: 700, level: 40 },
        { speaker: loud, ssrc: 800, level: 10 },
        { speaker: silent, ssrc: 900, level: 100 },
      ]) {
        speaker.entry.producer.send(rtpPacket({ ssrc, sequence, level, payload: Buffer.alloc(60) }));
      }
      await delay(20);
    }

    expect(reports).toContainEqual([
      { userId: 8, level: -10 },
      { userId: 7, level: -40 },
    ]);
    await vi.waitFor(() => expect(reports.at(-1)).toEqual([]), 2_000);
  });

  it('reports one level for a user with two sources: the louder one', async () => {
    const stage = await openStage();
    const reports: SpeakerLevel[][] = [];
    stage.on('levels', (levels) => void reports.push(levels));
    const microphone = await addSpeaker(stage, 7, 700);
    const music = await addSpeaker(stage, 7, 701);
    for (let sequence = 0; sequence < 30; sequence++) {
      const payload = Buffer.alloc(60);
      microphone.entry.producer.send(rtpPacket({ ssrc: 700, sequence, level: 30, payload }));
      music.entry.producer.send(rtpPacket({ ssrc: 701, sequence, level: 15, payload }));
      await delay(20);
    }
    expect(reports).toContainEqual([{ userId: 7, level: -15 }]);
    expect(reports.every((levels) => levels.length <= 1)).toBe(true);
  });

  it('closes the producer again when it is no longer wanted after the last step', async () => {
    const stage = await openStage();
    const transport = await stage.router.createDirectTransport();
    const channel = vi.spyOn(transport, 'produce');
    let steps = 0;
    const producing = stage.produce(transport, {
      sessionId: sessionId(),
      userId: userId(7),
      source: 'microphone',
      rtpParameters: rtpParameters(),
      paused: false,
      assertWanted: () => {
        steps++;
        if (steps === 2) throw new Error('no longer wanted');
      },
    });
    await expect(producing).rejects.toThrow('no longer wanted');
    const [result] = channel.mock.results;
    expect((await (result?.value as ReturnType<typeof transport.produce>)).closed).toBe(true);
    expect(stage.size).toBe(0);
    const dump = await stage.router.dump();
    expect(dump.mapProducerIdConsumerIds).toEqual([]);
    expect(dump.mapProducerIdObserverIds).toEqual([]);
  });

  it('reports a producer whose transport ended, and not one that was closed', async () => {
    const stage = await openStage();
    const failed = vi.fn();
    stage.on('failed', failed);
    const first = await addSpeaker(stage, 7, 700);
    const second = await addSpeaker(stage, 8, 800);
    stage.closeProducer(first.entry);
    expect(failed).not.toHaveBeenCalled();
    second.transport.close();
    expect(failed).toHaveBeenCalledExactlyOnceWith(second.entry);
    expect(stage.size).toBe(0);
  });

  it('reports its own loss once, and not each producer that goes with it', async () => {
    const own = await createPool(1);
    onTestFinished(() => own.close());
    const stage = await Stage.open(own.leastLoaded(), silentLogger);
    const [removed, failed, lost] = [vi.fn(), vi.fn(), vi.fn()];
    stage.on('removed', removed);
    stage.on('failed', failed);
    stage.on('lost', lost);
    const speakers = [await addSpeaker(stage, 7, 700), await addSpeaker(stage, 8, 800)];
    own.leastLoaded().kill();
    await eventually(() => expect(lost).toHaveBeenCalledOnce());
    expect(speakers.map(({ entry }) => entry.producer.closed)).toEqual([true, true]);
    expect(removed).not.toHaveBeenCalled();
    expect(failed).not.toHaveBeenCalled();
  });
});
