import { setTimeout as delay } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createPool, rtpPacket, rtpParameters } from '../../test/support/media.ts';
import { WebRtcPeer } from '../../test/support/webrtc-peer.ts';

/** More than the kernel keeps by itself, and less than it grants without having its ceiling raised. */
const packets = 400;

it('loses nothing of what arrives while a worker is busy', async () => {
  const pool = await createPool(1);
  onTestFinished(() => pool.close());
  const worker = pool.leastLoaded();
  const transport = await worker.createWebRtcTransport(await worker.createRouter());
  const { iceParameters, iceCandidates, dtlsParameters } = transport;
  const peer = await WebRtcPeer.create({ iceParameters, iceCandidates, dtlsParameters });
  onTestFinished(() => peer.close());
  await Promise.all([transport.connect({ dtlsParameters: peer.dtlsParameters }), peer.connect()]);
  const ssrc = 1_000;
  const producer = await transport.produce({ kind: 'audio', rtpParameters: rtpParameters(ssrc) });

  process.kill(worker.pid, 'SIGSTOP');
  try {
    for (let sequence = 0; sequence < packets; sequence++) {
      await peer.sendRtp(rtpPacket({ ssrc, sequence, level: 20, payload: Buffer.alloc(80) }));
    }
    await delay(100);
  } finally {
    process.kill(worker.pid, 'SIGCONT');
  }
  await vi.waitFor(async () => expect((await producer.getStats())[0]?.packetCount).toBe(packets), 3_000);
}, 20_000);
