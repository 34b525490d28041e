import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findSilenceCause } from '../../client/sdk/silence-cause.ts';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { openRtpSpeaker } from '../support/rtp-speaker.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { WebRtcPeer } from '../support/webrtc-peer.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ env: { MAX_FORWARDED_SPEAKERS: '1' } });
});
afterAll(() => server[Symbol.asyncDispose]());

/** A room with somebody who listens, and the packets that reach them. */
async function openRoom() {
  const roomId = addRoom(server);
  const listener = await enter(server, roomId);
  onTestFinished(() => listener.client.close());
  return { roomId, listener };
}

async function addSpeaker(roomId: string, ssrc: number) {
  const speaker = await openRtpSpeaker(server, roomId, ssrc);
  onTestFinished(() => speaker[Symbol.asyncDispose]());
  return speaker;
}

/** Receives a producer as a browser does; the consumers are paused unless told to flow. */
async function receive({ trpc, roomId }: TestMember, producerId: string, { flowing = true } = {}) {
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
  const peer = await WebRtcPeer.create(ends);
  onTestFinished(() => peer.close());
  const seen = { packets: 0 };
  peer.onRtp(() => (seen.packets += 1));
  const input = { roomId, transportId, dtlsParameters: peer.dtlsParameters };
  await Promise.all([trpc.media.connectTransport.mutate(input), peer.connect()]);
  const { consumers } = await trpc.media.consume.mutate({
    roomId,
    transportId,
    producerIds: [producerId],
    rtpCapabilities: opusCapabilities,
  });
  const consumerIds = consumers.map(({ consumerId }) => consumerId);
  if (flowing) await trpc.media.resume.mutate({ roomId, consumerIds });
  return { seen, peer };
}

/** The cause as a page would name it that plays nothing; by itself it notes only whether packets arrive. */
async function causeOf(listener: TestMember, userId: number, seen?: { readonly packets: number }) {
  const { trpc, roomId } = listener;
  const before = seen?.packets ?? 0;
  if (seen) await delay(300);
  const path = await trpc.media.diagnose.query({ roomId, userId });
  const own = userId === listener.user.id;
  return findSilenceCause(path, {
    heard: false,
    audioBlocked: false,
    mutedByHost: false,
    packetsArrive: (seen?.packets ?? 0) > before,
    microphoneLive: own ? true : null,
  });
}

describe('media.diagnose', () => {
  it('finds nothing wrong with somebody who is silent', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await addSpeaker(roomId, 100);
    const { seen } = await receive(listener, speaker.producerId);
    await eventually(async () => expect(await causeOf(listener, speaker.member.user.id, seen)).toBe('silence'));
    expect(await causeOf(speaker.member, speaker.member.user.id)).toBe('silence');
    speaker.level = -20;
    await eventually(async () => expect(await causeOf(speaker.member, speaker.member.user.id)).toBeNull());
  });

  it('names a missing seat, and a seat without a microphone', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await enter(server, roomId);
    onTestFinished(() => speaker.client.close());
    expect(await causeOf(listener, speaker.user.id)).toBe('noSeat');
    await speaker.trpc.seat.take.mutate({ roomId });
    expect(await causeOf(listener, speaker.user.id)).toBe('microphoneInterrupted');
  });

  it('names the transport of a speaker who never connected', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await enter(server, roomId);
    onTestFinished(() => speaker.client.close());
    await speaker.trpc.seat.take.mutate({ roomId });
    const { transportId } = await speaker.trpc.media.createTransport.mutate({ roomId, direction: 'send' });
    await speaker.trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters(200) });
    expect(await causeOf(listener, speaker.user.id)).toBe('speakerDisconnected');
  });

  it('names a muted microphone, and one whose packets do not arrive', async () => {
    const { roomId, listener } = await openRoom();
    const { member, ...speaker } = await addSpeaker(roomId, 300);
    const { seen } = await receive(listener, speaker.producerId);
    const { producerId } = speaker;
    await member.trpc.media.pauseProducer.mutate({ roomId, producerId });
    expect(await causeOf(listener, member.user.id)).toBe('muted');
    await member.trpc.media.resumeProducer.mutate({ roomId, producerId });
    await eventually(async () => expect(await causeOf(listener, member.user.id, seen)).toBe('silence'));
  });

  it('names a network that lets nothing through', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await addSpeaker(roomId, 350);
    const { seen } = await receive(listener, speaker.producerId);
    await eventually(async () => expect(await causeOf(listener, speaker.member.user.id, seen)).toBe('silence'));
    speaker.sending = false;
    const { id } = speaker.member.user;
    await eventually(async () => expect(await causeOf(listener, id)).toBe('noPacketsFromSpeaker'));
  });

  it('names the louder ones', async () => {
    const { roomId, listener } = await openRoom();
    const loud = await addSpeaker(roomId, 400);
    loud.level = -15;
    const quiet = await addSpeaker(roomId, 401);
    quiet.level = -40;
    const { seen } = await receive(listener, quiet.producerId);
    await eventually(async () => {
      expect(await causeOf(listener, quiet.member.user.id, seen)).toBe('notAmongLoudest');
    });
  });

  it('names the listener’s own transport, the paused consumer and packets that do not arrive', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await addSpeaker(roomId, 500);
    const { id } = speaker.member.user;
    await eventually(async () => expect(await causeOf(listener, id)).toBe('listenerDisconnected'));
    const { peer } = await receive(listener, speaker.producerId, { flowing: false });
    expect(await causeOf(listener, id)).toBe('consumerPaused');
    await peer.close();
    const { seen } = await receive(listener, speaker.producerId);
    expect(await causeOf(listener, id, seen)).toBe('silence');
    // As a firewall in between would have it.
    expect(await causeOf(listener, id, { packets: 0 })).toBe('noPacketsToListener');
  });

  it('answers members only', async () => {
    const { roomId } = await openRoom();
    const stranger = await enter(server, addRoom(server));
    onTestFinished(() => stranger.client.close());
    expect(await refusalOf(stranger.trpc.media.diagnose.query({ roomId, userId: 1 }))).toBe('NOT_IN_ROOM');
  });
});
