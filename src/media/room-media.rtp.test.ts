import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import {
  createPool,
  dtlsParameters,
  opusCapabilities,
  roomId,
  rtpPacket,
  rtpParameters,
  sessionId,
  silentLogger,
  userId,
} from '../../test/support/media.ts';
import { WebRtcPeer } from '../../test/support/webrtc-peer.ts';
import type { SpeakerLevel } from '../core/events.ts';
import type { Direction } from './member-transport.ts';
import { RoomMedia } from './room-media.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;
let room: RoomMedia;

beforeEach(async () => {
  pool = await createPool(2);
  // One listener a router, so that a few listeners need several.
  room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger, listenersPerRouter: 1 });
});
afterEach(async () => {
  room.close();
  await pool.close();
});

/** A session's transport, connected by ICE and DTLS. */
async function connect(session: ReturnType<typeof sessionId>, direction: Direction) {
  const { transportId, ...server } = await room.createTransport(session, direction);
  const peer = await WebRtcPeer.create(server);
  onTestFinished(() => peer.close());
  await room.connectTransport(session, transportId, peer.dtlsParameters);
  await peer.connect();
  return { transportId, peer };
}

async function speak(user: number, ssrc: number, level = 15) {
  const session = { sessionId: sessionId(), userId: userId(user) };
  const { transportId, peer } = await connect(session.sessionId, 'send');
  const options = { source: 'microphone', rtpParameters: rtpParameters(ssrc), paused: false } as const;
  const { producerId } = await room.produce(session, transportId, options);
  let sequence = 0;
  /** At 100 packets a second whatever the machine has to do: mediasoup measures nobody with fewer than 40. */
  const say = async (text: string, packets: number) => {
    const start = performance.now();
    for (let count = 1; count <= packets; count++) {
      await peer.sendRtp(rtpPacket({ ssrc, sequence: sequence++, level, payload: Buffer.from(text) }));
      await delay(Math.max(0, start + count * 10 - performance.now()));
    }
  };
  return { session, producerId, peer, say };
}

/** A listener and what it has heard, each packet as text. */
async function listen(producers: string | string[], session = sessionId()) {
  const { transportId, peer } = await connect(session, 'receive');
  const heard: string[] = [];
  peer.onRtp(({ payload }) => heard.push(payload.toString()));
  const { consumers } = await room.consume(session, transportId, [producers].flat(), opusCapabilities);
  const resume = () =>
    room.resumeConsumers(
      session,
      consumers.map((consumer) => consumer.consumerId),
    );
  return { heard, resume };
}

describe('RoomMedia with real WebRTC', () => {
  it('forwards the loudest only, to every router, and the next one when a place is free', async () => {
    room.close();
    room = await RoomMedia.open({
      roomId: roomId(),
      pool,
      logger: silentLogger,
      listenersPerRouter: 1,
      maxForwardedSpeakers: 2,
    });
    const forwarded: number[][] = [];
    room.on('forwarded', (userIds) => void forwarded.push(userIds));
    const speakers = [await speak(1, 1_000, 20), await speak(2, 2_000, 25), await speak(3, 3_000, 48)];
    const [loud, louder, quiet] = speakers;
    const producerIds = speakers.map(({ producerId }) => producerId);
    const listeners = [await listen(producerIds), await listen(producerIds)];
    await Promise.all(listeners.map(({ resume }) => resume()));

    const talk = () => Promise.all([loud?.say('loud', 30), louder?.say('louder', 30), quiet?.say('quiet', 30)]);
    await eventually(async () => {
      await talk();
      expect(forwarded.at(-1)).toEqual([1, 2]);
    });
    // What was under way when the quiet one was held back.
    await talk();
    for (const { heard } of listeners) heard.length = 0;
    await talk();
    await eventually(() => {
      for (const { heard } of listeners) {
        expect(heard.filter((text) => text === 'loud').length).toBeGreaterThan(25);
        expect(heard.filter((text) => text === 'louder').length).toBeGreaterThan(25);
      }
    });
    for (const { heard } of listeners) expect(heard).not.toContain('quiet');

    const talkOn = () => Promise.all([loud?.say('loud', 25), quiet?.say('quiet', 25)]);
    await eventually(async () => {
      await talkOn();
      expect(forwarded.at(-1)).toEqual([1, 3]);
      for (const { heard } of listeners) expect(heard).toContain('quiet');
    });
    // Where few listen, places are kept in silence: nothing is lost of what their holders say next.
    await delay(2_000);
    expect(forwarded.at(-1)).toEqual([1, 3]);
  }, 60_000);

  it.each([
    { dtx: false, kept: [] },
    { dtx: true, kept: [1] },
  ])('gives places back in silence where many listen, unless silence costs nothing (DTX: $dtx)', async (scene) => {
    room.close();
    const opus = { packetMs: 20, dtx: scene.dtx } as const;
    room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger, maxForwardedSpeakers: 1, opus });
    const forwarded: number[][] = [];
    room.on('forwarded', (userIds) => void forwarded.push(userIds));
    await Promise.all(Array.from({ length: 10 }, () => room.createTransport(sessionId(), 'receive')));
    const speaker = await speak(1, 1_000);
    expect(forwarded).toEqual([[1]]);
    await delay(3_000);
    expect(forwarded.at(-1)).toEqual(scene.kept);
    // A beginning is seen in fewer packets than the observers need.
    await speaker.say('now', 4);
    await eventually(() => expect(forwarded.at(-1)).toEqual([1]));
  });

  it('gives a silent speaker’s place to another within a few packets', async () => {
    room.close();
    room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger, maxForwardedSpeakers: 1 });
    const forwarded: number[][] = [];
    room.on('forwarded', (userIds) => void forwarded.push(userIds));
    const first = await speak(1, 1_000);
    await speak(2, 2_000);
    // Who has just opened the microphone is about to speak, and then no more.
    await eventually(() => expect(forwarded.at(-1)).toEqual([2]));
    await delay(1_600);
    expect(forwarded.at(-1)).toEqual([2]);
    // Fewer packets than the observers need.
    await first.say('now', 4);
    await eventually(() => expect(forwarded.at(-1)).toEqual([1]));
  });

  it('carries a voice to listeners on several routers and workers, the speaker included, once they resume', async () => {
    const speaker = await speak(1, 1_000);
    const listeners = [
      await listen(speaker.producerId),
      await listen(speaker.producerId),
      await listen(speaker.producerId, speaker.session.sessionId),
    ];
    expect((await pool.dump()).map((worker) => worker.routers)).toEqual([1, 3]);
    await speaker.say('before', 10);
    expect(listeners.flatMap(({ heard }) => heard)).toEqual([]);
    await Promise.all(listeners.map(({ resume }) => resume()));
    await speaker.say('hello', 30);
    await eventually(() => {
      for (const { heard } of listeners) expect(heard.filter((text) => text === 'hello').length).toBeGreaterThan(25);
    });
  }, 20_000);

  it('silences a muted speaker and lets the voice through again', async () => {
    const speaker = await speak(1, 1_000);
    const { heard, resume } = await listen(speaker.producerId);
    await resume();
    await speaker.say('one', 10);
    await eventually(() => expect(heard).toContain('one'));
    await room.pauseProducer(speaker.session.sessionId, speaker.producerId);
    await delay(50);
    await speaker.say('secret', 20);
    await room.resumeProducer(speaker.session.sessionId, speaker.producerId);
    await delay(50);
    await speaker.say('two', 20);
    await eventually(() => expect(heard).toContain('two'));
    expect(heard).not.toContain('secret');
  }, 20_000);

  it('reports the level of a speaker', async () => {
    const reports: SpeakerLevel[][] = [];
    room.on('levels', (levels) => void reports.push(levels));
    const speaker = await speak(7, 1_000);
    await eventually(async () => {
      await speaker.say('hello', 30);
      expect(reports).toContainEqual([{ userId: 7, level: -15 }]);
    });
  }, 20_000);

  it('ends the transport of a client whose certificate is not the announced one, and reports its producer', async () => {
    const failed = vi.fn();
    room.on('producerFailed', failed);
    const session = { sessionId: sessionId(), userId: userId(7) };
    const { transportId, ...server } = await room.createTransport(session.sessionId, 'send');
    const options = { source: 'microphone', rtpParameters: rtpParameters(1_000), paused: false } as const;
    const { producerId } = await room.produce(session, transportId, options);
    const peer = await WebRtcPeer.create(server);
    onTestFinished(() => peer.close());
    await room.connectTransport(session.sessionId, transportId, dtlsParameters());
    // The impostor learns of it or not; what counts is what the server does.
    peer.connect().catch(() => undefined);
    await eventually(() => expect(failed).toHaveBeenCalledExactlyOnceWith({ producerId, userId: 7 }));
    expect(room.counts).toMatchObject({ transports: 0, producers: 0 });
  }, 20_000);
});
