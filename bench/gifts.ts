/**
 * How many gifts a node takes and settles: `node bench/gifts.ts [seconds]` (10 by default, for each step).
 *
 * One node in a process of its own, a private Redis with its append-only file, and a back end with a real ledger that
 * answers each batch after 20 ms; the senders share the machine with them. First as fast as the node answers, then at
 * shares of that rate. Fails when a gift is lost.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { LightClient } from '../src/cli/load-test/light-client.ts';
import { startTestServer, type TestServer } from '../test/support/server.ts';
import { quantile, report, round } from './support/report.ts';

const seconds = Number(process.argv[2] ?? 10);
assert(seconds >= 1, 'usage: node bench/gifts.ts [seconds]');
const senderCount = 50;
/** Calls of one sender that wait for their answer at the same time, when rate is no object. */
const callsAtOnce = 4;
const backEndMs = 20;
const drainMs = 60_000;
const shares = [0.1, 0.5, 0.9];

/** A sender and the gifts it waits for. */
class Sender {
  readonly #client: LightClient;
  readonly #roomId: string;
  readonly #recipientId: number;
  readonly #sentAt = new Map<string, number>();
  /** From send to the final word, ms. */
  latencies: number[] = [];
  accepted = 0;

  constructor(client: LightClient, roomId: string, recipientId: number) {
    this.#client = client;
    this.#roomId = roomId;
    this.#recipientId = recipientId;
    client.subscribe('gift.onOutcome', {}, (message) => {
      const [, transactionId] = /"type":"giftSettled","transactionId":"([^"]+)"/.exec(message) ?? [];
      const sentAt = transactionId === undefined ? undefined : this.#sentAt.get(transactionId);
      if (transactionId === undefined || sentAt === undefined) return;
      this.#sentAt.delete(transactionId);
      this.latencies.push(performance.now() - sentAt);
    });
  }

  get waiting(): number {
    return this.#sentAt.size;
  }

  async send(): Promise<void> {
    const transactionId = uuidv7();
    this.#sentAt.set(transactionId, performance.now());
    await this.#client.mutate('gift.send', {
      roomId: this.#roomId,
      transactionId,
      giftId: '1',
      recipientId: this.#recipientId,
    });
    this.accepted += 1;
  }

  reset(): void {
    this.latencies = [];
    this.accepted = 0;
  }
}

interface Step {
  readonly name: string;
  readonly acceptedPerSecond: number;
  readonly settledPerSecond: number;
  readonly nodeCpuMicros: number;
  readonly redisCpuMicros: number;
  readonly p50: number;
  readonly p99: number;
}

await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
await server.app.stop();
const node = await server.startProcess({
  RATE_LIMIT_GIFTS_PER_MINUTE: '100000',
  RATE_LIMIT_CALLS_PER_SECOND: '1000000',
});
server.laravel.faults.set('/internal/gifts/batch', { delayMs: backEndMs });
const senders = await openSenders(server, node.url);

async function openSenders({ laravel }: TestServer, url: string): Promise<Sender[]> {
  const roomId = laravel.addRoom({ title: 'Gifts', ownerId: 1 }).id;
  const join = async (name: string): Promise<{ client: LightClient; id: number }> => {
    const { id, token } = laravel.addUser({ name, balance: 1_000_000_000 });
    const client = await LightClient.connect(url, token);
    await client.mutate('room.join', { roomId });
    return { client, id };
  };
  const { id: recipientId } = await join('Taker');
  return Promise.all(
    Array.from({ length: senderCount }, async (_, n) => {
      return new Sender((await join(`Giver ${n}`)).client, roomId, recipientId);
    }),
  );
}

/** CPU time used so far, s. */
async function readCpu(): Promise<{ node: number; redis: number }> {
  const metrics = await (await fetch(`${node.url}/metrics/prometheus`)).text();
  const info = await server.store.info('cpu');
  const read = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  return {
    node: read(metrics, /^process_cpu_seconds_total (\S+)/m),
    redis: read(info, /^used_cpu_user:(\S+)/m) + read(info, /^used_cpu_sys:(\S+)/m),
  };
}

/** @param perSecond - of all senders; null: as fast as the node answers */
async function run(name: string, perSecond: number | null): Promise<Step> {
  for (const sender of senders) sender.reset();
  const cpu = await readCpu();
  const startedAt = performance.now();
  const end = startedAt + seconds * 1_000;
  await (perSecond === null ? sendFreely(end) : sendAt(perSecond, startedAt, end));
  const accepted = senders.reduce((sum, sender) => sum + sender.accepted, 0);
  const acceptedMs = performance.now() - startedAt;
  const deadline = performance.now() + drainMs;
  while (senders.some(({ waiting }) => waiting > 0) && performance.now() < deadline) await sleep(20);
  const settledMs = performance.now() - startedAt;
  assert.equal(
    senders.reduce((sum, { waiting }) => sum + waiting, 0),
    0,
    'every gift got its final word',
  );
  const after = await readCpu();
  const latencies = senders.flatMap((sender) => sender.latencies).sort((a, b) => a - b);
  assert.equal(latencies.length, accepted);
  return {
    name,
    acceptedPerSecond: accepted / (acceptedMs / 1_000),
    settledPerSecond: accepted / (settledMs / 1_000),
    nodeCpuMicros: ((after.node - cpu.node) / accepted) * 1e6,
    redisCpuMicros: ((after.redis - cpu.redis) / accepted) * 1e6,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

async function sendFreely(end: number): Promise<void> {
  const lanes = senders.flatMap((sender) => Array.from({ length: callsAtOnce }, () => sender));
  await Promise.all(
    lanes.map(async (sender) => {
      while (performance.now() < end) await sender.send();
    }),
  );
}

async function sendAt(perSecond: number, startedAt: number, end: number): Promise<void> {
  const underWay: Promise<void>[] = [];
  let sent = 0;
  for (let now = performance.now(); now < end; now = performance.now()) {
    const due = Math.floor(((now - startedAt) / 1_000) * perSecond);
    for (; sent < due; sent += 1) {
      const sender = senders[sent % senders.length];
      if (sender !== undefined) underWay.push(sender.send());
    }
    await sleep(5);
  }
  await Promise.all(underWay);
}

// What is compiled and cached by the first gifts is no part of the figures.
await run('warm-up', 200);
const fastest = await run('as fast as it goes', null);
const steps = [fastest];
for (const share of shares) steps.push(await run(`${share * 100} %`, fastest.acceptedPerSecond * share));
report(
  `${senderCount} senders, a back end that answers in ${backEndMs} ms, ${seconds} s a step`,
  steps.map((step) => ({
    load: step.name,
    'accepted/s': round(step.acceptedPerSecond),
    'settled/s': round(step.settledPerSecond),
    'node CPU us/gift': round(step.nodeCpuMicros),
    'Redis CPU us/gift': round(step.redisCpuMicros),
    'p50 ms': round(step.p50),
    'p99 ms': round(step.p99),
  })),
);
