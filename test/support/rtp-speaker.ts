import { rtpPacket, rtpParameters } from './media.ts';
import { enter, type TestMember } from './members.ts';
import type { TestServer } from './server.ts';
import { WebRtcPeer } from './webrtc-peer.ts';

/** 20 ms of silence in Opus. */
const payload = Buffer.from([0xf8, 0xff, 0xfe]);
const packetMs = 20;
/** The audio level of silence, -dBov. */
const silent = 127;

/** Somebody on a seat with an open microphone, as loud as told to the server; no listener hears anything. */
export interface RtpSpeaker extends AsyncDisposable {
  readonly member: TestMember;
  readonly producerId: string;
  readonly peer: WebRtcPeer;
  /** How loud the packets say that they are, dBov from -127 (silence) to 0. */
  level: number;
  /** False stops the packets, as a network does that lets none through. */
  sending: boolean;
}

/** Joins the room, takes a seat and sends 50 packets a second. */
export async function openRtpSpeaker(server: TestServer, roomId: string, ssrc: number): Promise<RtpSpeaker> {
  await using starting = new AsyncDisposableStack();
  const member = starting.use(await enter(server, roomId));
  const { trpc } = member;
  await trpc.seat.take.mutate({ roomId });
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
  const peer = await WebRtcPeer.create(ends);
  starting.defer(() => peer.close());
  const input = { roomId, transportId, dtlsParameters: peer.dtlsParameters };
  await Promise.all([trpc.media.connectTransport.mutate(input), peer.connect()]);
  const { producerId } = await trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters(ssrc) });
  let sequence = 0;
  const timer = setInterval(() => {
    const packet = rtpPacket({ ssrc, sequence: sequence++, level: Math.abs(speaker.level), payload });
    // Refused once the peer is closed.
    if (speaker.sending) void peer.sendRtp(packet).catch(() => undefined);
  }, packetMs);
  starting.defer(() => clearInterval(timer));
  const cleanup = starting.move();
  const speaker: RtpSpeaker = {
    member,
    producerId,
    peer,
    level: -silent,
    sending: true,
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
  return speaker;
}
