import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  createPool,
  dtlsParameters,
  foreignCapabilities,
  opusCapabilities,
  roomId,
  rtpParameters,
  sessionId,
  silentLogger,
  userId,
} from '../../test/support/media.ts';
import { errorTable } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { TransportDescription } from './member-transport.ts';
import { RouterPipe } from './pipe.ts';
import { RoomMedia } from './room-media.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;
let room: RoomMedia;

beforeEach(async () => {
  pool = await createPool(2);
  room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger, listenersPerRouter: 3 });
});
afterEach(async () => {
  room.close();
  await pool.close();
});

const unknownId = '00000000-0000-4000-8000-000000000000';
const ada = { sessionId: sessionId(), userId: userId(1) };
const grace = { sessionId: sessionId(), userId: userId(2) };
const code = (code: string) => expect.objectContaining({ code });

async function openTransport(session: SessionId, direction: 'send' | 'receive'): Promise<string> {
  return (await room.createTransport(session, direction)).transportId;
}

const microphone = () => ({ source: 'microphone', rtpParameters: rtpParameters(), paused: false }) as const;

async function speak(session = ada, options: Parameters<RoomMedia['produce']>[2] = microphone()) {
  const transportId = await openTransport(session.sessionId, 'send');
  return { transportId, ...(await room.produce(session, transportId, options)) };
}

/** What the worker processes themselves hold, summed. */
async function held() {
  const dumps = await pool.dump();
  return {
    routers: dumps.reduce((sum, worker) => sum + worker.routers, 0),
    transports: dumps.reduce((sum, worker) => sum + worker.webRtcTransports, 0),
  };
}

describe('RoomMedia', () => {
  it('lets a listener consume a speaker by the stage id, paused until resumed', async () => {
    const { producerId } = await speak();
    const transportId = await openTransport(grace.sessionId, 'receive');
    const { consumers, failed } = await room.consume(grace.sessionId, transportId, [producerId], opusCapabilities);
    expect(failed).toEqual([]);
    expect(consumers).toMatchObject([{ producerId, kind: 'audio', producerPaused: false }]);
    expect(consumers[0]?.rtpParameters.codecs).toMatchObject([{ mimeType: 'audio/opus', clockRate: 48_000 }]);
    const consumerIds = consumers.map((consumer) => consumer.consumerId);
    expect(await room.resumeConsumers(grace.sessionId, consumerIds)).toEqual({ resumed: consumerIds, failed: [] });
    expect(room.counts).toEqual({ sessions: 2, transports: 2, producers: 1, consumers: 1 });
  });

  it('answers the existing consumer when asked again, also at the same time', async () => {
    const { producerId } = await speak();
    const { sessionId: session } = grace;
    const transportId = await openTransport(session, 'receive');
    const ask = () => room.consume(session, transportId, [producerId, producerId], opusCapabilities);
    const answers = [...(await Promise.all([ask(), ask()])), await ask()];
    expect(answers.map((answer) => answer.consumers.length)).toEqual([1, 1, 1]);
    expect(new Set(answers.map((answer) => answer.consumers[0]?.consumerId)).size).toBe(1);
    expect(room.counts.consumers).toBe(1);
  });

  it('answers the producers that can be consumed and says why the others cannot', async () => {
    const { producerId } = await speak();
    const transportId = await openTransport(grace.sessionId, 'receive');
    const mixed = await room.consume(grace.sessionId, transportId, [unknownId, producerId], opusCapabilities);
    expect(mixed.consumers).toHaveLength(1);
    expect(mixed.failed).toEqual([{ producerId: unknownId, code: 'PRODUCER_NOT_FOUND' }]);
    const other = await openTransport(ada.sessionId, 'receive');
    const refused = await room.consume(ada.sessionId, other, [producerId], foreignCapabilities);
    expect(refused).toEqual({ consumers: [], failed: [{ producerId, code: 'CANNOT_CONSUME' }] });
  });

  it('tells late listeners that a speaker is muted', async () => {
    const { producerId } = await speak();
    await room.pauseProducer(ada.sessionId, producerId);
    const transportId = await openTransport(grace.sessionId, 'receive');
    const consume = () => room.consume(grace.sessionId, transportId, [producerId], opusCapabilities);
    expect((await consume()).consumers).toMatchObject([{ producerPaused: true }]);
    await room.resumeProducer(ada.sessionId, producerId);
    expect((await consume()).consumers).toMatchObject([{ producerPaused: false }]);
  });

  it('hides what belongs to another session', async () => {
    const speaker = await speak();
    const receive = await openTransport(ada.sessionId, 'receive');
    const { consumers } = await room.consume(ada.sessionId, receive, [speaker.producerId], opusCapabilities);
    const consumerId = consumers[0]?.consumerId ?? '';
    await openTransport(grace.sessionId, 'send');
    const { sessionId: stranger } = grace;
    const noTransport = code('TRANSPORT_NOT_FOUND');
    await expect(room.connectTransport(stranger, speaker.transportId, dtlsParameters())).rejects.toEqual(noTransport);
    await expect(room.restartIce(stranger, speaker.transportId)).rejects.toEqual(noTransport);
    await expect(room.produce(grace, speaker.transportId, microphone())).rejects.toEqual(noTransport);
    await expect(room.consume(stranger, receive, [speaker.producerId], opusCapabilities)).rejects.toEqual(noTransport);
    const noProducer = code('PRODUCER_NOT_FOUND');
    await expect(room.pauseProducer(stranger, speaker.producerId)).rejects.toEqual(noProducer);
    await expect(room.resumeProducer(stranger, speaker.producerId)).rejects.toEqual(noProducer);
    await expect(room.closeProducer(stranger, speaker.producerId)).rejects.toEqual(noProducer);
    expect(await room.resumeConsumers(stranger, [consumerId])).toEqual({
      resumed: [],
      failed: [{ consumerId, code: 'CONSUMER_NOT_FOUND' }],
    });
    expect(room.counts).toMatchObject({ producers: 1, consumers: 1 });
  });

  it('answers a session it does not know as it answers a stranger', async () => {
    const unknown = sessionId();
    await expect(room.restartIce(unknown, unknownId)).rejects.toEqual(code('TRANSPORT_NOT_FOUND'));
    await expect(room.pauseProducer(unknown, unknownId)).rejects.toEqual(code('PRODUCER_NOT_FOUND'));
    await expect(room.resumeConsumers(unknown, [unknownId])).rejects.toEqual(code('CONSUMER_NOT_FOUND'));
    expect(room.hasSession(unknown)).toBe(false);
  });

  it('refuses a transport of the wrong direction', async () => {
    const send = await openTransport(ada.sessionId, 'send');
    const receive = await openTransport(ada.sessionId, 'receive');
    const wrong = code('TRANSPORT_WRONG_DIRECTION');
    await expect(room.produce(ada, receive, microphone())).rejects.toEqual(wrong);
    await expect(room.consume(ada.sessionId, send, [], opusCapabilities)).rejects.toEqual(wrong);
  });

  it('accepts the same connection twice and refuses another one', async () => {
    const transportId = await openTransport(ada.sessionId, 'send');
    const parameters = dtlsParameters();
    await room.connectTransport(ada.sessionId, transportId, parameters);
    await room.connectTransport(ada.sessionId, transportId, parameters);
    const other = room.connectTransport(ada.sessionId, transportId, dtlsParameters());
    await expect(other).rejects.toEqual(code('MEDIA_REJECTED'));
  });

  it('answers new ICE credentials at a restart', async () => {
    const { transportId, iceParameters } = await room.createTransport(ada.sessionId, 'receive');
    const restarted = await room.restartIce(ada.sessionId, transportId);
    expect(restarted.usernameFragment).not.toBe(iceParameters.usernameFragment);
  });

  it('replaces the transport of a client that asks again, and reports the producer that was on it', async () => {
    const failed = vi.fn();
    room.on('producerFailed', failed);
    const { producerId, transportId } = await speak();
    const again = await openTransport(ada.sessionId, 'send');
    expect(again).not.toBe(transportId);
    expect(failed).toHaveBeenCalledExactlyOnceWith({ producerId, userId: ada.userId });
    await expect(room.restartIce(ada.sessionId, transportId)).rejects.toEqual(code('TRANSPORT_NOT_FOUND'));
    expect(room.counts).toMatchObject({ transports: 1, producers: 0 });
    expect((await held()).transports).toBe(1);
  });

  it('keeps only the last of two transports that are asked for at the same time', async () => {
    const outcomes = await Promise.allSettled([
      room.createTransport(ada.sessionId, 'receive'),
      room.createTransport(ada.sessionId, 'receive'),
    ]);
    expect(outcomes[0]).toMatchObject({ status: 'rejected', reason: { code: 'TRANSPORT_NOT_FOUND' } });
    expect(outcomes[1]?.status).toBe('fulfilled');
    expect(room.counts.transports).toBe(1);
    expect(await held()).toEqual({ routers: 2, transports: 1 });
  });

  it('replaces a producer of the same source, even with the same MID, and keeps one of another source', async () => {
    const options = { ...microphone(), rtpParameters: rtpParameters(5_000, '0') };
    const first = await speak(ada, options);
    const second = await room.produce(ada, first.transportId, options);
    expect(second).toMatchObject({ replaced: first.producerId, source: 'microphone' });
    const music = await room.produce(ada, first.transportId, { ...microphone(), source: 'music' });
    expect(music.replaced).toBeUndefined();
    expect(room.counts.producers).toBe(2);
  });

  it('keeps one producer when the same source is produced twice at the same time', async () => {
    const transportId = await openTransport(ada.sessionId, 'send');
    const [first, second] = await Promise.all([
      room.produce(ada, transportId, microphone()),
      room.produce(ada, transportId, microphone()),
    ]);
    expect(second.replaced).toBe(first.producerId);
    expect(room.counts.producers).toBe(1);
  });

  it('reports the replaced producer when the one that replaces it fails', async () => {
    const failed = vi.fn();
    room.on('producerFailed', failed);
    const { producerId, transportId } = await speak();
    const unplayable = rtpParameters();
    unplayable.codecs = [{ mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8_000 }];
    const producing = room.produce(ada, transportId, { ...microphone(), rtpParameters: unplayable });
    await expect(producing).rejects.toEqual(code('MEDIA_REJECTED'));
    expect(failed).toHaveBeenCalledExactlyOnceWith({ producerId, userId: ada.userId });
    expect(room.counts.producers).toBe(0);
  });

  it('closes the consumers of a producer that is closed', async () => {
    const { producerId } = await speak();
    const transportId = await openTransport(grace.sessionId, 'receive');
    const { consumers } = await room.consume(grace.sessionId, transportId, [producerId], opusCapabilities);
    await room.closeProducer(ada.sessionId, producerId);
    await vi.waitFor(() => expect(room.counts.consumers).toBe(0));
    const { failed } = await room.resumeConsumers(grace.sessionId, [consumers[0]?.consumerId ?? '']);
    expect(failed).toMatchObject([{ code: 'CONSUMER_NOT_FOUND' }]);
  });

  it('closes all producers of a user and answers their ids', async () => {
    const failed = vi.fn();
    room.on('producerFailed', failed);
    const { producerId, transportId } = await speak();
    const music = await room.produce(ada, transportId, { ...microphone(), source: 'music' });
    expect(room.closeProducersOf(ada.userId).sort()).toEqual([producerId, music.producerId].sort());
    expect(room.closeProducersOf(ada.userId)).toEqual([]);
    expect(room.counts.producers).toBe(0);
    expect(failed).not.toHaveBeenCalled();
    // The transport stays, so that the user can speak again.
    expect((await room.produce(ada, transportId, microphone())).replaced).toBeUndefined();
  });

  it('drops a single producer of whomever', async () => {
    const { producerId, transportId } = await speak();
    const music = await room.produce(ada, transportId, { ...microphone(), source: 'music' });
    room.dropProducer(producerId);
    room.dropProducer(producerId);
    expect(room.hasProducer(producerId)).toBe(false);
    expect(room.hasProducer(music.producerId)).toBe(true);
    expect(room.counts.producers).toBe(1);
  });

  it('opens audience routers as listeners come, feeds each of them, and closes them as listeners go', async () => {
    const { producerId } = await speak();
    const sessions = Array.from({ length: 7 }, () => sessionId());
    const heard = await Promise.all(
      sessions.map(async (session) => {
        const transportId = await openTransport(session, 'receive');
        return (await room.consume(session, transportId, [producerId], opusCapabilities)).consumers.length;
      }),
    );
    expect(heard).toEqual(sessions.map(() => 1));
    // The stage, and three listeners a router.
    expect((await held()).routers).toBe(1 + 3);
    for (const session of sessions) room.closeSession(session);
    expect(await held()).toEqual({ routers: 1, transports: 1 });
  });

  it('asks a listener to try again when no router can be fed, and opens one for the next try', async () => {
    const { producerId } = await speak();
    const open = vi.spyOn(RouterPipe, 'open').mockRejectedValueOnce(new Error('no pipe today'));
    onTestFinished(() => open.mockRestore());
    await expect(openTransport(grace.sessionId, 'receive')).rejects.toEqual(code('MEDIA_UNAVAILABLE'));
    expect(errorTable.MEDIA_UNAVAILABLE.retryable).toBe(true);
    expect((await held()).routers).toBe(1);
    const transportId = await openTransport(grace.sessionId, 'receive');
    const { consumers } = await room.consume(grace.sessionId, transportId, [producerId], opusCapabilities);
    expect(consumers).toHaveLength(1);
  });

  it('closes a session with all it has, and answers its producers', async () => {
    const { producerId } = await speak();
    const receive = await openTransport(ada.sessionId, 'receive');
    await room.consume(ada.sessionId, receive, [producerId], opusCapabilities);
    expect(room.closeSession(ada.sessionId)).toEqual([producerId]);
    expect(room.closeSession(ada.sessionId)).toEqual([]);
    expect(room.hasSession(ada.sessionId)).toBe(false);
    expect(room.counts).toEqual({ sessions: 0, transports: 0, producers: 0, consumers: 0 });
    expect(await held()).toEqual({ routers: 1, transports: 0 });
  });

  it('closes when the worker of its stage is killed, and names every router', async () => {
    const send = await room.createTransport(ada.sessionId, 'send');
    const receive = await room.createTransport(grace.sessionId, 'receive');
    await room.produce(ada, send.transportId, microphone());
    const events: unknown[] = [];
    room.on('routersLost', (ids, isClosed) => void events.push({ ids: new Set(ids), isClosed }));
    room.on('closed', () => void events.push('closed'));
    // The stage was opened on the first worker, the audience on the other one.
    process.kill((await pool.stats())[0]?.pid ?? 0, 'SIGKILL');
    const ids = new Set([send.routerId, receive.routerId]);
    await vi.waitFor(() => expect(events).toEqual(['closed', { ids, isClosed: true }]));
    await vi.waitFor(() => expect(pool.healthy).toBe(true), 5_000);
    expect(await held()).toEqual({ routers: 0, transports: 0 });
  });

  it('stays open when the worker of an audience is killed, and those who listened there find another', async () => {
    const { producerId, transportId } = await speak();
    const listeners = [grace.sessionId, sessionId(), sessionId(), sessionId()];
    const described: TransportDescription[] = [];
    for (const listener of listeners) {
      const description = await room.createTransport(listener, 'receive');
      await room.consume(listener, description.transportId, [producerId], opusCapabilities);
      described.push(description);
      // Work of another room.
      if (described.length === 3) await pool.leastLoaded().createRouter();
    }
    const [first, , , last] = described;
    // Three listeners fill the router on the other worker; the fourth one is beside the stage.
    expect(last?.routerId).not.toBe(first?.routerId);
    const lost: unknown[] = [];
    room.on('routersLost', (ids, isClosed) => void lost.push({ ids, isClosed }));
    process.kill((await pool.stats())[1]?.pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(lost).toEqual([{ ids: [first?.routerId], isClosed: false }]));
    expect(room.closed).toBe(false);
    expect(room.counts).toEqual({ sessions: 5, transports: 2, producers: 1, consumers: 1 });

    const again = await room.createTransport(grace.sessionId, 'receive');
    const { consumers } = await room.consume(grace.sessionId, again.transportId, [producerId], opusCapabilities);
    expect(consumers).toHaveLength(1);
    const kept = await room.consume(
      listeners[3] ?? sessionId(),
      last?.transportId ?? '',
      [producerId],
      opusCapabilities,
    );
    expect(kept.consumers).toHaveLength(1);
    await expect(room.restartIce(ada.sessionId, transportId)).resolves.toBeDefined();
  });

  it('fails calls that are under way when the worker dies', async () => {
    const transportId = await openTransport(ada.sessionId, 'send');
    const pid = (await pool.stats())[0]?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const producing = room.produce(ada, transportId, microphone());
    const creating = room.createTransport(grace.sessionId, 'send');
    const outcomes = Promise.allSettled([producing, creating]);
    process.kill(pid, 'SIGKILL');
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'MEDIA_UNAVAILABLE' } });
    }
  });
});

describe('RoomMedia while something is closed during a call', () => {
  /** Every call of a session that waits for a worker, each with what it needs prepared. */
  const calls = {
    createSend: async () => () => room.createTransport(ada.sessionId, 'send'),
    createReceive: async () => () => room.createTransport(ada.sessionId, 'receive'),
    connect: async () => {
      const id = await openTransport(ada.sessionId, 'send');
      return () => room.connectTransport(ada.sessionId, id, dtlsParameters());
    },
    restartIce: async () => {
      const id = await openTransport(ada.sessionId, 'send');
      return () => room.restartIce(ada.sessionId, id);
    },
    produce: async () => {
      const id = await openTransport(ada.sessionId, 'send');
      return () => room.produce(ada, id, microphone());
    },
    consume: async () => {
      const { producerId } = await speak(grace);
      const id = await openTransport(ada.sessionId, 'receive');
      return () => room.consume(ada.sessionId, id, [producerId], opusCapabilities);
    },
  };
  const names = Object.keys(calls) as (keyof typeof calls)[];
  /** Ends in the middle of each of the steps that a call may have, in event loop turns. */
  const moments = [0, 1, 2, 3, 5, 8];

  it.each(names)('leaves nothing of %s when the session is closed', async (name) => {
    for (const moment of moments) {
      const call = (await calls[name]())();
      const settled = call.then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      for (let turn = 0; turn < moment; turn++) await new Promise((resolve) => setImmediate(resolve));
      room.closeSession(ada.sessionId);
      expect(['NOT_IN_ROOM', 'done']).toContain(await settled);
      room.closeSession(grace.sessionId);
      await vi.waitFor(async () => expect(await held()).toEqual({ routers: 1, transports: 0 }));
      expect(room.counts).toEqual({ sessions: 0, transports: 0, producers: 0, consumers: 0 });
      const stats = await pool.stats();
      expect(stats.reduce((sum, { transports, consumers }) => sum + transports + consumers, 0)).toBe(0);
    }
  });

  it.each(names)('leaves nothing of %s when the room is closed', async (name) => {
    for (const moment of moments) {
      const call = (await calls[name]())();
      const settled = call.then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
      for (let turn = 0; turn < moment; turn++) await new Promise((resolve) => setImmediate(resolve));
      room.close();
      expect(['MEDIA_UNAVAILABLE', 'done']).toContain(await settled);
      await vi.waitFor(async () => expect(await held()).toEqual({ routers: 0, transports: 0 }));
      const stats = await pool.stats();
      expect(stats.reduce((sum, { routers, transports, consumers }) => sum + routers + transports + consumers, 0)).toBe(
        0,
      );
      room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger });
    }
  });

  it('leaves no producer when the user loses the seat while it is being made', async () => {
    const transportId = await openTransport(ada.sessionId, 'send');
    const first = room.produce(ada, transportId, microphone());
    const queued = room.produce(ada, transportId, microphone());
    room.closeProducersOf(ada.userId);
    await expect(first).rejects.toEqual(code('PRODUCER_NOT_FOUND'));
    await expect(queued).rejects.toEqual(code('PRODUCER_NOT_FOUND'));
    await delay(20);
    expect(room.counts.producers).toBe(0);
  });

  it('leaves no consumer when the producer is closed while it is being consumed', async () => {
    const { producerId } = await speak();
    const transportId = await openTransport(grace.sessionId, 'receive');
    const consuming = room.consume(grace.sessionId, transportId, [producerId], opusCapabilities);
    await room.closeProducer(ada.sessionId, producerId);
    expect((await consuming).failed).toEqual([{ producerId, code: 'PRODUCER_NOT_FOUND' }]);
    expect(room.counts.consumers).toBe(0);
  });
});
