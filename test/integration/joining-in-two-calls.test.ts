import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { dtlsParameters, foreignCapabilities, opusCapabilities, rtpPacket, rtpParameters } from '../support/media.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { WebRtcPeer } from '../support/webrtc-peer.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ env: { ROOM_GRACE_SECONDS: '5' } });
});
afterAll(() => server[Symbol.asyncDispose]());

/** A member on a seat whose microphone is open, with nobody behind it unless `peer` is true. */
async function speak(roomId: string, { ssrc = 1, peer = false } = {}) {
  const { trpc, client } = await enter(server, roomId);
  onTestFinished(() => client.close());
  await trpc.seat.take.mutate({ roomId });
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
  const webrtc = peer ? await WebRtcPeer.create(ends) : null;
  onTestFinished(() => webrtc?.close());
  if (webrtc) {
    const input = { roomId, transportId, dtlsParameters: webrtc.dtlsParameters };
    await Promise.all([trpc.media.connectTransport.mutate(input), webrtc.connect()]);
  }
  const { producerId } = await trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters(ssrc) });
  return { producerId, webrtc, trpc };
}

/** A connected client that has not joined. */
function newClient() {
  const client = connect(server.url, server.laravel.addUser({ name: 'Somebody' }).token);
  onTestFinished(() => client.close());
  return client;
}

describe('joining with RTP capabilities', () => {
  it('is two calls to the first packet', async () => {
    const roomId = addRoom(server);
    const { webrtc, producerId } = await speak(roomId, { peer: true });
    const { trpc } = newClient();
    const { media } = await trpc.room.join.mutate({ roomId, rtpCapabilities: opusCapabilities });
    const { transport, consumers } = media ?? expect.unreachable();
    expect(consumers).toMatchObject([{ producerId, producerPaused: false }]);
    const peer = await WebRtcPeer.create(transport);
    onTestFinished(() => peer.close());
    let packets = 0;
    peer.onRtp(() => (packets += 1));
    const consumerIds = consumers.map(({ consumerId }) => consumerId);
    const { transportId } = transport;
    const input = { roomId, transportId, dtlsParameters: peer.dtlsParameters, consumerIds };
    const [started] = await Promise.all([trpc.media.start.mutate(input), peer.connect()]);
    expect(started).toEqual({ resumed: consumerIds, failed: [] });
    let sequence = 0;
    await eventually(async () => {
      await webrtc?.sendRtp(rtpPacket({ ssrc: 1, sequence: sequence++, level: 20, payload: Buffer.from('voice') }));
      await delay(10);
      expect(packets).toBeGreaterThan(0);
    });
    // A repeated call, as after a lost answer, answers the same.
    expect(await trpc.media.start.mutate(input)).toEqual(started);
  });

  it('answers consumers of everybody else', async () => {
    const roomId = addRoom(server);
    const speakers = await Promise.all([1, 2, 3, 4].map((ssrc) => speak(roomId, { ssrc })));
    const { media } = await newClient().trpc.room.join.mutate({ roomId, rtpCapabilities: opusCapabilities });
    expect(media?.consumers.map(({ producerId }) => producerId).toSorted()).toEqual(
      speakers.map(({ producerId }) => producerId).toSorted(),
    );
  });

  it('says how the speakers of the room encode: as Laravel has it, and as the server has it otherwise', async () => {
    const rooms = [{}, { opusPtime: 40 }, { opusPtime: 60, opusDtx: true }] as const;
    const joins = rooms.map((room) => newClient().trpc.room.join.mutate({ roomId: addRoom(server, room) }));
    expect((await Promise.all(joins)).map(({ opus }) => opus)).toEqual([
      { packetMs: 20, dtx: false },
      { packetMs: 40, dtx: false },
      { packetMs: 60, dtx: true },
    ]);
  });

  it('leaves out what the device cannot play, and joins all the same', async () => {
    const roomId = addRoom(server);
    await speak(roomId);
    const answer = await newClient().trpc.room.join.mutate({ roomId, rtpCapabilities: foreignCapabilities });
    expect(answer.snapshot.participantCount).toBe(2);
    expect(answer.media?.consumers).toEqual([]);
  });

  it('keeps the transports of a session that goes on', async () => {
    const roomId = addRoom(server);
    const { producerId } = await speak(roomId);
    const { trpc } = newClient();
    const joined = await trpc.room.join.mutate({ roomId, rtpCapabilities: opusCapabilities });
    const { sessionId, media } = joined;
    const again = await trpc.room.join.mutate({ roomId, sessionId, rtpCapabilities: opusCapabilities });
    const { transport, consumers } = media ?? expect.unreachable();
    expect(again).toMatchObject({ sessionId, resumed: true, media: null, transportIds: [transport.transportId] });
    expect(consumers).toMatchObject([{ producerId }]);
    const consumerIds = consumers.map(({ consumerId }) => consumerId);
    const input = { roomId, transportId: transport.transportId, dtlsParameters: dtlsParameters(), consumerIds };
    expect(await trpc.media.start.mutate(input)).toMatchObject({ resumed: consumerIds });
  });

  it('answers no media to those who do not ask for it, nor to capabilities that are none', async () => {
    const roomId = addRoom(server);
    const { trpc } = newClient();
    expect((await trpc.room.join.mutate({ roomId })).media).toBeNull();
    const nonsense = [] as unknown as typeof opusCapabilities;
    expect(await refusalOf(trpc.room.join.mutate({ roomId, rtpCapabilities: nonsense }))).toBe('BAD_INPUT');
  });
});
