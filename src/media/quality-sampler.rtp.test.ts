import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import {
  createPool,
  roomId,
  rtpPacket,
  rtpParameters,
  sessionId,
  silentLogger,
  userId,
} from '../../test/support/media.ts';
import { WebRtcPeer } from '../../test/support/webrtc-peer.ts';
import type { MemberQuality } from '../core/events.ts';
import { RoomMedia } from './room-media.ts';

/** Longer than mediasoup takes to count what is missing. */
const qualityIntervalMs = 1_500;

/** A voice of 50 packets a second; `path.loseEvery` is set to lose every so many of them (0: none). */
async function speak(room: RoomMedia, user: number, ssrc: number) {
  const session = { sessionId: sessionId(), userId: userId(user) };
  const { transportId, ...server } = await room.createTransport(session.sessionId, 'send');
  const peer = await WebRtcPeer.create(server);
  onTestFinished(() => peer.close());
  await room.connectTransport(session.sessionId, transportId, peer.dtlsParameters);
  await peer.connect();
  const options = { source: 'microphone', rtpParameters: rtpParameters(ssrc), paused: false } as const;
  const { producerId } = await room.produce(session, transportId, options);
  const path = { loseEvery: 0, talking: true };
  const begin = performance.now();
  const talk = async () => {
    for (let sequence = 0; path.talking; sequence++) {
      const isLost = path.loseEvery > 0 && sequence % path.loseEvery === 0;
      if (!isLost) await peer.sendRtp(rtpPacket({ ssrc, sequence, level: 20, payload: Buffer.from('voice') }));
      await delay(Math.max(0, begin + (sequence + 1) * 20 - performance.now()));
    }
  };
  const talked = talk();
  onTestFinished(async () => {
    path.talking = false;
    await talked;
  });
  return { path, session, producerId };
}

it('tells that a voice arrives well, badly while packets are lost, and well again; a mute is no loss', async () => {
  const pool = await createPool(1);
  onTestFinished(() => pool.close());
  const room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger, qualityIntervalMs });
  onTestFinished(() => room.close());
  const told: MemberQuality[][] = [];
  room.on('qualities', (qualities) => void told.push(qualities));
  const lossy = await speak(room, 1, 1_000);
  const steady = await speak(room, 2, 2_000);
  const reached = (qualities: Record<number, string>) =>
    vi.waitFor(
      () => expect(Object.fromEntries(room.qualities.map((each) => [each.userId, each.quality]))).toEqual(qualities),
      { timeout: 12_000, interval: 100 },
    );
  const lossOf = (user: number) => room.qualities.find((each) => each.userId === user)?.loss;

  // Nobody watches, so nothing is read.
  await delay(2 * qualityIntervalMs);
  expect(room.qualities).toEqual([]);

  room.watchQuality(true);
  await reached({ 1: 'good', 2: 'good' });
  expect(lossOf(1)).toBe(0);

  lossy.path.loseEvery = 4;
  await reached({ 1: 'poor', 2: 'good' });
  await vi.waitFor(() => expect(lossOf(1)).toBeCloseTo(0.25, 1), 6_000);
  expect(lossOf(2)).toBe(0);
  lossy.path.loseEvery = 0;
  await reached({ 1: 'good', 2: 'good' });

  // Muted, it is silent for longer than an interval, and so it is when it stops without a mute.
  await room.pauseProducer(steady.session.sessionId, steady.producerId);
  steady.path.talking = false;
  await delay(2 * qualityIntervalMs);
  expect(room.qualities.find((each) => each.userId === 2)?.quality).toBe('good');
  await room.resumeProducer(steady.session.sessionId, steady.producerId);
  await reached({ 1: 'good', 2: 'poor' });
  expect(lossOf(2)).toBe(1);

  await room.closeProducer(steady.session.sessionId, steady.producerId);
  await reached({ 1: 'good' });
  // Only changes of a class were told.
  const classes = told.map((qualities) => qualities.map((each) => `${each.userId}:${each.quality}`).join());
  expect(classes.filter((each, index) => each === classes[index - 1])).toEqual([]);

  room.watchQuality(false);
  expect(room.qualities).toEqual([]);
}, 60_000);
