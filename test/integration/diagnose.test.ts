import { setTimeout as delay } from 'node:timers/promises';
import type { IceCandidate } from 'mediasoup/types';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findSilenceCause } from '../../client/sdk/silence-cause.ts';
import { createCertificate } from '../../src/cli/load-test/webrtc/certificate.ts';
import { ClientTransport } from '../../src/cli/load-test/webrtc/client-transport.ts';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { openHostedRoom } from '../support/hosts.ts';
import { opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { openRtpSpeaker } from '../support/rtp-speaker.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { isMedia, startUdpRelay, type UdpRelay } from '../support/udp-relay.ts';
import { type ServerTransport, WebRtcPeer } from '../support/webrtc-peer.ts';

/** A network that loses a device is noticed after so long, s; longer than between two checks of the peers here, 6 s. */
const iceConsentSeconds = 10;

const certificate = createCertificate('A test');
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    env: { MAX_FORWARDED_SPEAKERS: '1' },
    adjust: (config) => ({ ...config, media: { ...config.media, iceConsentSeconds } }),
  });
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

/** Puts a hop between a client and the server's UDP port. */
async function leadThrough(ends: ServerTransport): Promise<{ ends: ServerTransport; relay: UdpRelay }> {
  const isUdp = ({ protocol }: IceCandidate) => protocol === 'udp';
  const [candidate = expect.unreachable()] = ends.iceCandidates.filter(isUdp);
  const relay = await startUdpRelay(candidate.port);
  onTestFinished(() => relay[Symbol.asyncDispose]());
  return { ends: { ...ends, iceCandidates: [{ ...candidate, port: relay.port }] }, relay };
}

/** Receives a producer as a browser does; the consumers are paused unless told to flow. */
async function receive({ trpc, roomId }: TestMember, producerId: string, { flowing = true } = {}) {
  const { transportId, ...offered } = await trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
  const { ends, relay } = await leadThrough(offered);
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
  return { seen, peer, relay };
}

/** A connected transport that says good-bye by DTLS when it is closed, as browsers do. */
async function connectClosable({ trpc, roomId }: TestMember, direction: 'send' | 'receive') {
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction });
  const client = new ClientTransport(ends, certificate, () => undefined);
  onTestFinished(() => client.close());
  const fingerprints = [{ algorithm: 'sha-256', value: certificate.fingerprint }] as const;
  const dtlsParameters = { role: 'client' as const, fingerprints: [...fingerprints] };
  await Promise.all([trpc.media.connectTransport.mutate({ roomId, transportId, dtlsParameters }), client.connect()]);
  return { transportId, client };
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
    // The page above plays nothing, however loud it is.
    await eventually(async () => expect(await causeOf(listener, speaker.member.user.id, seen)).toBe('notPlayed'));
  });

  it('names a missing seat, and a seat without a microphone', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await enter(server, roomId);
    onTestFinished(() => speaker.client.close());
    expect(await causeOf(listener, speaker.user.id)).toBe('noSeat');
    await speaker.trpc.seat.take.mutate({ roomId });
    expect(await causeOf(listener, speaker.user.id)).toBe('microphoneInterrupted');
  });

  it('names a host who has muted the speaker, whatever the microphone does', async () => {
    await using room = await openHostedRoom(server);
    const { roomId, admin, owner: listener } = room;
    const speaker = await addSpeaker(roomId, 150);
    const { seen } = await receive(listener, speaker.producerId);
    const { id: userId } = speaker.member.user;
    await eventually(async () => expect(await causeOf(listener, userId, seen)).toBe('silence'));
    await admin.trpc.seat.mute.mutate({ roomId, userId });
    expect(await causeOf(listener, userId, seen)).toBe('mutedByHost');
    expect(await causeOf(speaker.member, userId)).toBe('mutedByHost');
    await admin.trpc.seat.unmute.mutate({ roomId, userId });
    await eventually(async () => expect(await causeOf(listener, userId, seen)).toBe('silence'));
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

  it('names a transport whose client has closed it', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await enter(server, roomId);
    onTestFinished(() => speaker.client.close());
    const { id } = speaker.user;
    await speaker.trpc.seat.take.mutate({ roomId });
    const sending = await connectClosable(speaker, 'send');
    const produce = { roomId, transportId: sending.transportId, rtpParameters: rtpParameters(210) };
    const { producerId } = await speaker.trpc.media.produce.mutate(produce);
    const receiving = await connectClosable(listener, 'receive');
    await listener.trpc.media.consume.mutate({
      roomId,
      transportId: receiving.transportId,
      producerIds: [producerId],
      rtpCapabilities: opusCapabilities,
    });
    expect(await causeOf(listener, id)).toBe('noPacketsFromSpeaker');
    const pathOf = () => listener.trpc.media.diagnose.query({ roomId, userId: id });
    receiving.client.close();
    await eventually(async () => expect(await pathOf()).toMatchObject({ receiving: { transport: null } }));
    sending.client.close();
    await eventually(async () => expect(await causeOf(listener, id)).toBe('speakerDisconnected'));
    expect(await pathOf()).toMatchObject({ sending: { transport: null, producer: null } });
  });

  it('names a transport whose device is gone without a word, once that is noticed', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await addSpeaker(roomId, 220);
    const { id } = speaker.member.user;
    const { peer, seen } = await receive(listener, speaker.producerId);
    await eventually(async () => expect(await causeOf(listener, id, seen)).toBe('silence'));
    const noticedMs = 4 * iceConsentSeconds * 1_000;
    await peer.close();
    expect(await causeOf(listener, id, seen)).toBe('noPacketsToListener');
    await eventually(async () => expect(await causeOf(listener, id, seen)).toBe('listenerDisconnected'), noticedMs);
    expect(await listener.trpc.media.diagnose.query({ roomId, userId: id })).toMatchObject({
      receiving: { transport: 'lost' },
    });
    await speaker.peer.close();
    await eventually(async () => expect(await causeOf(listener, id, seen)).toBe('speakerDisconnected'), noticedMs);
    expect(await listener.trpc.media.diagnose.query({ roomId, userId: id })).toMatchObject({
      sending: { transport: 'lost' },
    });
  }, 120_000);

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

  it('names the listener’s own transport, the paused consumer and packets that are lost on the way', async () => {
    const { roomId, listener } = await openRoom();
    const speaker = await addSpeaker(roomId, 500);
    const { id } = speaker.member.user;
    await eventually(async () => expect(await causeOf(listener, id)).toBe('listenerDisconnected'));
    const { peer } = await receive(listener, speaker.producerId, { flowing: false });
    expect(await causeOf(listener, id)).toBe('consumerPaused');
    await peer.close();
    const { seen, relay } = await receive(listener, speaker.producerId);
    await eventually(async () => expect(await causeOf(listener, id, seen)).toBe('silence'));
    // ICE and DTLS get through, as with a network that is too narrow.
    relay.drops = isMedia;
    await eventually(async () => expect(await causeOf(listener, id, seen)).toBe('noPacketsToListener'));
    relay.drops = () => false;
    await eventually(async () => expect(await causeOf(listener, id, seen)).toBe('silence'));
  });

  it('answers members only', async () => {
    const { roomId } = await openRoom();
    const stranger = await enter(server, addRoom(server));
    onTestFinished(() => stranger.client.close());
    expect(await refusalOf(stranger.trpc.media.diagnose.query({ roomId, userId: 1 }))).toBe('NOT_IN_ROOM');
  });
});
