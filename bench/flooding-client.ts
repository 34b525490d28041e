import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LightClient } from '../src/cli/load-test/light-client.ts';
import { addRoom } from '../test/support/members.ts';
import { readUsage } from '../test/support/process-usage.ts';
import { startTestServer } from '../test/support/server.ts';
import { quantile, report, round } from './support/report.ts';

/**
 * What a client that floods the server costs the others:
 * `node bench/flooding-client.ts [seconds a slice] [rounds] [kind,kind] [flooders]`.
 *
 * Members of a room call `chat.history` at a steady rate, within the limit. A round has a slice without a flood, another
 * one as a control, and one for each kind of flood, in random order; each is compared with the first of its own round, so
 * that what else the machine does matters little. Kinds: `batches` of 50 calls, single `calls`, `pings`, and `deaf`, which
 * asks for much and reads nothing. The server runs with the limits that it has by default.
 */

const seconds = Number(process.argv[2] ?? 8);
const rounds = Number(process.argv[3] ?? 5);
const kinds = (process.argv[4] ?? 'batches,calls,pings,deaf').split(',');
const flooderCount = Number(process.argv[5] ?? 1);
const politeCount = 40;
const politeEveryMs = 100;
const settleMs = 1_000;
const messageCount = 100;

const [alone, control] = ['alone', 'alone again'] as const;
type Slice = Readonly<Record<'calls' | 'p50' | 'p99' | 'cpu' | 'rss', number>>;

await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
const { url } = await server.startProcess({
  MAX_CONNECTIONS_PER_ADDRESS: '1000',
  RATE_LIMIT_MESSAGES_PER_MINUTE: '1000',
});
const roomId = addRoom(server);
const polite: LightClient[] = [];
for (let n = 0; n < politeCount; n += 1) {
  const client = await LightClient.connect(url, server.laravel.addUser({ name: 'Polite' }).token);
  await client.mutate('room.join', { roomId });
  polite.push(client);
}
for (let n = 0; n < messageCount; n += 1) {
  await polite[n % politeCount]?.mutate('chat.send', { roomId, content: 'x'.repeat(500) });
}

async function startFlooder(kind: string): Promise<ChildProcess> {
  const { token } = server.laravel.addUser({ name: 'Flooder' });
  const child = fork(fileURLToPath(new URL('support/flooder.ts', import.meta.url)), [url, token, roomId, kind]);
  await once(child, 'message');
  return child;
}

/** Times of the polite calls, ms. */
async function callPolitely(): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1_000;
  await Promise.all(
    polite.map(async (client, n) => {
      // Spread over the interval, as people are.
      await sleep((n / politeCount) * politeEveryMs);
      while (performance.now() < end) {
        const began = performance.now();
        await client.query('chat.history', { roomId, limit: 1 });
        latencies.push(performance.now() - began);
        await sleep(Math.max(0, politeEveryMs - (performance.now() - began)));
      }
    }),
  );
  return latencies;
}

async function runSlice(kind: string): Promise<Slice> {
  const flooders = kinds.includes(kind)
    ? await Promise.all(Array.from({ length: flooderCount }, () => startFlooder(kind)))
    : [];
  await sleep(settleMs);
  const before = await readUsage(url);
  const latencies = await callPolitely();
  const after = await readUsage(url);
  for (const child of flooders) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  await sleep(settleMs);
  return {
    calls: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: (after.cpu - before.cpu) / (seconds * 10_000),
    rss: after.rss / 1024 / 1024,
  };
}

const shuffled = <T>(values: readonly T[]): T[] =>
  values
    .map((value) => ({ value, at: randomInt(2 ** 40) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ value }) => value);

const names = [alone, control, ...kinds];
const slices = new Map<string, Slice[]>(names.map((name) => [name, []]));
await callPolitely();
for (let round = 0; round < rounds; round += 1) {
  for (const name of shuffled(names)) slices.get(name)?.push(await runSlice(name));
}
for (const client of polite) client.terminate();

const base = slices.get(alone) ?? [];
report(
  `${politeCount} members with ${1_000 / politeEveryMs} calls a second each, and ${flooderCount} that flood(s); ${rounds} rounds of ${seconds} s a slice`,
  [...slices].map(([name, taken]) => {
    const middle = (read: (slice: Slice) => number): number => quantile(taken.map(read), 0.5);
    const ratios = taken.map(({ p99 }, round) => p99 / (base[round]?.p99 ?? Number.NaN));
    return {
      '': name,
      calls: taken.reduce((sum, { calls }) => sum + calls, 0),
      'p50 ms': round(middle(({ p50 }) => p50)),
      'p99 ms': round(middle(({ p99 }) => p99)),
      'p99 x alone': round(quantile(ratios, 0.5)),
      spread: `${round(Math.min(...ratios))}-${round(Math.max(...ratios))}`,
      'server CPU, %': round(
        middle(({ cpu }) => cpu),
        0,
      ),
      'RSS MiB': round(
        middle(({ rss }) => rss),
        0,
      ),
    };
  }),
);
