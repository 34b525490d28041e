import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWorker } from 'mediasoup';
import type { Consumer, Router, Worker } from 'mediasoup/types';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { mediaCodecs } from '../../../media/codecs.ts';
import { opusCapabilities, rtpPacket, rtpParameters, rtpPayload } from '../../../../test/support/media.ts';
import { createCertificate } from './certificate.ts';
import { ClientTransport, type ServerTransport } from './client-transport.ts';

/** Against mediasoup's own ICE, OpenSSL and libsrtp. */

const certificate = createCertificate('A test');
const fingerprints = [{ algorithm: 'sha-256', value: certificate.fingerprint }] as const;
let worker: Worker;
let router: Router;

beforeAll(async () => {
  worker = await createWorker({ logLevel: 'error' });
  router = await worker.createRouter({ mediaCodecs: [...mediaCodecs] });
});
afterAll(() => worker.close());

async function open(onSrtp: (packet: Buffer) => void = () => {}, change: Partial<ServerTransport> = {}) {
  const transport = await router.createWebRtcTransport({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
  const { iceParameters, iceCandidates, dtlsParameters } = transport;
  const client = new ClientTransport({ iceParameters, iceCandidates, dtlsParameters, ...change }, certificate, onSrtp);
  onTestFinished(() => {
    client.close();
    transport.close();
  });
  return { transport, client };
}

describe('ClientTransport', () => {
  it('sends what mediasoup can decrypt, over the end of the sequence numbers, and receives SRTP', async () => {
    const received: Buffer[] = [];
    const speaker = await open();
    const listener = await open((packet) => received.push(packet));
    for (const { transport, client } of [speaker, listener]) {
      await transport.connect({ dtlsParameters: { role: 'client', fingerprints: [...fingerprints] } });
      await client.connect();
      expect(client.alive).toBe(true);
    }
    const ssrc = randomInt(1, 2 ** 31);
    const producer = await speaker.transport.produce({ kind: 'audio', rtpParameters: rtpParameters(ssrc) });
    const direct = await router.createDirectTransport();
    const options = { producerId: producer.id, rtpCapabilities: opusCapabilities };
    const reader: Consumer = await direct.consume(options);
    await listener.transport.consume(options);
    const heard: string[] = [];
    reader.on('rtp', (packet) => heard.push(rtpPayload(packet).toString()));
    const said = Array.from({ length: 20 }, (_, index) => `voice ${index}`);
    for (const [index, text] of said.entries()) {
      const packet = rtpPacket({ ssrc, sequence: 65_526 + index, level: 20, payload: Buffer.from(text) });
      speaker.client.sendRtp(packet, packet.length - text.length);
    }
    await vi.waitFor(() => expect(heard).toEqual(said));
    // Encrypted, and as long as that makes it: a tag of 16 bytes.
    await vi.waitFor(() => expect(received.filter((packet) => packet.readUInt8(1) < 192)).toHaveLength(20));
    expect(received.some((packet) => packet.includes('voice'))).toBe(false);
  });

  it('refuses a server whose certificate is not the one that was announced', async () => {
    const stranger = { algorithm: 'sha-256', value: createCertificate('Somebody').fingerprint } as const;
    const { transport, client } = await open(undefined, { dtlsParameters: { fingerprints: [stranger] } });
    await transport.connect({ dtlsParameters: { role: 'client', fingerprints: [...fingerprints] } });
    await expect(client.connect()).rejects.toThrow('certificate');
  });

  it('is refused by a server that knows another certificate of it', async () => {
    const { transport, client } = await open();
    const failed = once(transport, 'dtlsstatechange');
    const value = createCertificate('Somebody').fingerprint;
    await transport.connect({ dtlsParameters: { role: 'client', fingerprints: [{ algorithm: 'sha-256', value }] } });
    client.connect().catch(() => undefined);
    await failed;
    await vi.waitFor(() => expect(transport.dtlsState).toBe('failed'));
  });

  it('says good-bye when it is closed', async () => {
    const { transport, client } = await open();
    await transport.connect({ dtlsParameters: { role: 'client', fingerprints: [...fingerprints] } });
    await client.connect();
    await vi.waitFor(() => expect(transport.dtlsState).toBe('connected'));
    client.close();
    await vi.waitFor(() => expect(transport.dtlsState).toBe('closed'));
  });

  it('says so when it is closed before anybody answered', async () => {
    const { client } = await open(undefined, { iceParameters: { usernameFragment: 'nobody', password: 'x' } });
    const connecting = client.connect();
    client.close();
    client.close();
    await expect(connecting).rejects.toThrow('Nobody answers');
    expect(client.alive).toBe(false);
  });

  it('asks for a UDP candidate', async () => {
    await expect(open(undefined, { iceCandidates: [] })).rejects.toThrow('UDP');
  });
});
