import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { DirectTransport, Producer, Router } from 'mediasoup/types';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createPool, opusCapabilities, rtpPacket, rtpParameters, rtpPayload } from '../../test/support/media.ts';
import type { MediaWorker } from './media-worker.ts';
import { RouterPipe } from './pipe.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;
let near: MediaWorker;
let other: MediaWorker;

beforeAll(async () => {
  pool = await createPool(2);
  near = pool.leastLoaded();
  const router = await near.createRouter();
  other = pool.leastLoaded();
  router.close();
});
afterAll(() => pool.close());

async function openRouter(worker: MediaWorker): Promise<Router> {
  const router = await worker.createRouter();
  onTestFinished(() => router.close());
  return router;
}

async function openProducer(router: Router, paused = false) {
  const ssrc = 1_111;
  const transport: DirectTransport = await router.createDirectTransport();
  const producer = await transport.produce({ kind: 'audio', rtpParameters: rtpParameters(ssrc), paused });
  return { ssrc, producer };
}

/** Sends packets 1..count from `producer` and answers the payloads that arrive at a consumer of `forwarded`. */
async function carry(producer: Producer, ssrc: number, router: Router, forwarded: Producer, count: number) {
  const transport = await router.createDirectTransport();
  const consumer = await transport.consume({ producerId: forwarded.id, rtpCapabilities: opusCapabilities });
  const received: string[] = [];
  consumer.on('rtp', (packet) => received.push(rtpPayload(packet).toString()));
  for (let sequence = 1; sequence <= count; sequence++) {
    producer.send(rtpPacket({ ssrc, sequence, level: 20, payload: Buffer.from(`voice ${sequence}`) }));
  }
  await vi.waitFor(() => expect(received).toHaveLength(count), 2_000);
  return received;
}

describe('RouterPipe', () => {
  it.each([
    { where: 'the same worker', farWorker: () => near },
    { where: 'another worker', farWorker: () => other },
  ])('carries real RTP to a router on $where, under an id of its own', async ({ farWorker }) => {
    expect(near.pid).not.toBe(other.pid);
    const from = await openRouter(near);
    const to = await openRouter(farWorker());
    const pipe = await RouterPipe.open(from, to);
    const { producer, ssrc } = await openProducer(from);
    const { producer: forwarded } = await pipe.forward(producer);
    expect(forwarded.id).not.toBe(producer.id);
    const expected = Array.from({ length: 20 }, (_, index) => `voice ${index + 1}`);
    expect(await carry(producer, ssrc, to, forwarded, 20)).toEqual(expected);
  });

  it('lets the far producer follow pause, resume and close', async () => {
    const from = await openRouter(near);
    const pipe = await RouterPipe.open(from, await openRouter(other));
    const { producer } = await openProducer(from, true);
    const { producer: forwarded } = await pipe.forward(producer);
    expect(forwarded.paused).toBe(true);
    await producer.resume();
    await vi.waitFor(() => expect(forwarded.paused).toBe(false));
    await producer.pause();
    await vi.waitFor(() => expect(forwarded.paused).toBe(true));
    const closed = once(forwarded.observer, 'close');
    producer.close();
    await closed;
    expect(pipe.closed).toBe(false);
  });

  it('tells the consumers of the far router when the speaker is muted', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const pipe = await RouterPipe.open(from, to);
    const { producer } = await openProducer(from);
    const { producer: forwarded } = await pipe.forward(producer);
    const transport = await to.createDirectTransport();
    const consumer = await transport.consume({ producerId: forwarded.id, rtpCapabilities: opusCapabilities });
    const paused = once(consumer, 'producerpause');
    await producer.pause();
    await paused;
    expect(consumer.producerPaused).toBe(true);
  });

  it('keeps the packets of a held producer from the far router, without muting it there', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const pipe = await RouterPipe.open(from, to);
    const { producer, ssrc } = await openProducer(from);
    const piped = await pipe.forward(producer);
    piped.hold(true);
    piped.hold(true);
    await expect(carry(producer, ssrc, to, piped.producer, 5)).rejects.toThrow();
    expect(piped.producer.paused).toBe(false);
    piped.hold(false);
    const heard = await carry(producer, ssrc, to, piped.producer, 5);
    expect(heard).toHaveLength(5);
    producer.close();
    piped.hold(true);
  });

  it('ends as it was asked for last, though the worker has not done what came before', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const pipe = await RouterPipe.open(from, to);
    const { producer, ssrc } = await openProducer(from);
    const piped = await pipe.forward(producer);
    piped.hold(true);
    piped.hold(false);
    expect(await carry(producer, ssrc, to, piped.producer, 5)).toHaveLength(5);
    piped.hold(true);
    piped.hold(false);
    piped.hold(true);
    await expect(carry(producer, ssrc, to, piped.producer, 5)).rejects.toThrow();
  });

  it('numbers what listeners get without a gap, however often it is held, muted and let through', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const pipe = await RouterPipe.open(from, to);
    const { producer, ssrc } = await openProducer(from);
    const piped = await pipe.forward(producer);
    const transport = await to.createDirectTransport();
    const consumer = await transport.consume({ producerId: piped.producer.id, rtpCapabilities: opusCapabilities });
    const numbers: number[] = [];
    consumer.on('rtp', (packet) => numbers.push(packet.readUInt16BE(2)));

    // Runs over the end of the numbers, which is where counting goes wrong if it does.
    let sequence = 65_000;
    const say = async (count: number) => {
      for (const end = sequence + count; sequence < end; sequence++) {
        producer.send(rtpPacket({ ssrc, sequence, level: 20, payload: Buffer.from('voice') }));
      }
      await delay(2);
    };
    for (let round = 0; round < 60; round++) {
      await say(1 + (round % 7));
      piped.hold(true);
      if (round % 3 === 0) piped.hold(false);
      await say(round % 11);
      if (round % 4 === 0) await producer.pause();
      if (round % 3 === 0) piped.hold(true);
      await say(round % 5);
      piped.hold(false);
      if (round % 4 === 0) await producer.resume();
      if (round % 5 === 0) for (const held of [true, false, true, false]) piped.hold(held);
      await say(3);
    }
    await vi.waitFor(() => expect(numbers.length).toBeGreaterThan(300));
    const steps = numbers.slice(1).map((number, index) => (number - (numbers[index] ?? 0) + 65_536) % 65_536);
    expect(new Set(steps)).toEqual(new Set([1]));
    expect(sequence).toBeGreaterThan(65_536);
  });

  it('leaves nothing when the producer is closed while it is being forwarded', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const pipe = await RouterPipe.open(from, to);
    const { producer } = await openProducer(from);
    const forwarding = pipe.forward(producer);
    producer.close();
    await forwarding.catch(() => undefined);
    await vi.waitFor(async () => {
      expect((await from.dump()).mapProducerIdConsumerIds).toEqual([]);
      expect((await to.dump()).mapProducerIdConsumerIds).toEqual([]);
    });
  });

  it('leaves nothing when it is closed while it forwards', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const pipe = await RouterPipe.open(from, to);
    const { producer } = await openProducer(from);
    const forwarding = pipe.forward(producer);
    pipe.close();
    await expect(forwarding).rejects.toThrow();
    expect((await to.dump()).transportIds).toEqual([]);
    expect((await to.dump()).mapProducerIdConsumerIds).toEqual([]);
    expect(near.counts.consumers).toBe(0);
  });

  it('leaves nothing when a router is closed while it is being opened', async () => {
    const from = await openRouter(near);
    const to = await openRouter(other);
    const opening = RouterPipe.open(from, to);
    to.close();
    await expect(opening).rejects.toThrow();
    expect((await from.dump()).transportIds).toEqual([]);
    expect(near.counts.transports + other.counts.transports).toBe(0);
  });
});
