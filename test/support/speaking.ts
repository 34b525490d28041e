import { setTimeout as sleep } from 'node:timers/promises';
import { opusCapabilities, rtpPacket, rtpParameters } from './media.ts';
import type { TestMember } from './members.ts';
import { WebRtcPeer } from './webrtc-peer.ts';

/** A member whose microphone sends a packet every 20 ms, over real ICE, DTLS and SRTP. */
export interface Speaking extends AsyncDisposable {
  readonly producerId: string;
}

/** A member who receives a speaker's packets. */
export interface Listening extends AsyncDisposable {
  /** Packets so far. */
  readonly packets: () => number;
  /** Resolves once nothing has come for 300 ms. @returns when the last packet came, as `performance.now()` tells it */
  untilSilent(): Promise<number>;
}

/** Opens the microphone of a member who has a seat. */
export async function speak({ trpc, roomId }: TestMember, ssrc = 1): Promise<Speaking> {
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
  const peer = await WebRtcPeer.create(ends);
  const input = { roomId, transportId, dtlsParameters: peer.dtlsParameters };
  await Promise.all([trpc.media.connectTransport.mutate(input), peer.connect()]);
  const { producerId } = await trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters(ssrc) });
  let sequence = 0;
  const timer = setInterval(() => {
    const packet = rtpPacket({ ssrc, sequence: (sequence += 1), level: 20, payload: Buffer.from('voice') });
    // The transport may be gone, which is what some tests are about.
    peer.sendRtp(packet).catch(() => undefined);
  }, 20);
  return {
    producerId,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await peer.close();
    },
  };
}

/** Receives what a producer sends, from now on. */
export async function listen({ trpc, roomId }: TestMember, producerId: string): Promise<Listening> {
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
  const peer = await WebRtcPeer.create(ends);
  let packets = 0;
  let lastAt = performance.now();
  peer.onRtp(() => {
    packets += 1;
    lastAt = performance.now();
  });
  const producerIds = [producerId];
  const rtpCapabilities = opusCapabilities;
  const { consumers } = await trpc.media.consume.mutate({ roomId, transportId, producerIds, rtpCapabilities });
  const consumerIds = consumers.map(({ consumerId }) => consumerId);
  const input = { roomId, transportId, dtlsParameters: peer.dtlsParameters, consumerIds };
  await Promise.all([trpc.media.start.mutate(input), peer.connect()]);
  return {
    packets: () => packets,
    untilSilent: async () => {
      while (performance.now() - lastAt < 300) await sleep(20);
      return lastAt;
    },
    [Symbol.asyncDispose]: () => peer.close(),
  };
}
