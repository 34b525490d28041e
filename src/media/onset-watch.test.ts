import { setTimeout as delay } from 'node:timers/promises';
import type { DirectTransport, Producer, Router } from 'mediasoup/types';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createPool, rtpPacket, rtpParameters, silentLogger } from '../../test/support/media.ts';
import { OnsetWatch } from './onset-watch.ts';
import { Quota } from './quota.ts';
import type { WorkerPool } from './worker-pool.ts';

const ssrc = 1_000;
const loud = 20;
const silent = 127;

let pool: WorkerPool;
let router: Router;
let transport: DirectTransport;
let producer: Producer;
let quota: Quota;
let watch: OnsetWatch;
let onsets: string[];
let sequence = 0;

beforeAll(async () => {
  pool = await createPool(1);
});
afterAll(() => pool.close());
beforeEach(async () => {
  router = await pool.leastLoaded().createRouter();
  transport = await router.createDirectTransport();
  producer = await transport.produce({ kind: 'audio', rtpParameters: rtpParameters(ssrc) });
  quota = new Quota(1);
  watch = new OnsetWatch(router, quota, silentLogger);
  onsets = [];
  watch.on('onset', (id) => void onsets.push(id));
});

async function send(...levels: readonly number[]): Promise<void> {
  for (const level of levels) {
    producer.send(rtpPacket({ ssrc, sequence: sequence++, level, payload: Buffer.from('voice') }));
  }
  // Answered after the packets have been read.
  await producer.dump();
  await delay(20);
}

/** Begins to watch, and waits until packets arrive. */
async function begin({ id } = producer): Promise<void> {
  watch.set(id, true);
  await vi.waitFor(async () => {
    const { mapProducerIdConsumerIds } = await router.dump();
    expect(mapProducerIdConsumerIds.find(({ key }) => key === id)?.values).toHaveLength(1);
  });
}

describe('OnsetWatch', () => {
  it('tells of the second packet of speech in a row, once', async () => {
    await begin();
    await send(silent, loud, silent, loud, silent);
    expect(onsets).toEqual([]);
    await send(loud);
    expect(onsets).toEqual([]);
    await send(loud, loud, loud);
    expect(onsets).toEqual([producer.id]);
    await send(silent, loud, loud);
    expect(onsets).toHaveLength(2);
  });

  it('tells of nothing when it has ended, and goes on when it begins again', async () => {
    await begin();
    watch.set(producer.id, false);
    await vi.waitFor(async () => {
      await send(loud, loud, silent);
      onsets.length = 0;
      await send(loud, loud, silent);
      expect(onsets).toEqual([]);
    });
    watch.set(producer.id, true);
    await vi.waitFor(async () => {
      await send(loud, loud, silent);
      expect(onsets).toContain(producer.id);
    });
  });

  it('watches no more than its quota, which what ends gives back', async () => {
    const other = await transport.produce({ kind: 'audio', rtpParameters: rtpParameters(ssrc + 1) });
    await begin();
    expect(quota.free).toBe(0);
    watch.set(other.id, true);
    watch.set(other.id, false);
    expect(quota.free).toBe(0);
    watch.set(producer.id, false);
    expect(quota.free).toBe(1);
    await begin(other);
    expect(quota.free).toBe(0);
    other.close();
    await vi.waitFor(() => expect(quota.free).toBe(1));
  });

  it('gives the quota back when the producer is closed before it is watched', async () => {
    watch.set(producer.id, true);
    expect(quota.free).toBe(0);
    producer.close();
    await vi.waitFor(() => expect(quota.free).toBe(1));
    watch.set(producer.id, true);
    await vi.waitFor(() => expect(quota.free).toBe(1));
  });
});
