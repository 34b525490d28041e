import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LightClient } from '../src/cli/load-test/light-client.ts';
import { addRoom } from '../test/support/members.ts';
import { readUsage } from '../test/support/process-usage.ts';
import { startTestServer } from '../test/support/server.ts';
import { quantile, report, round } from './support/report.ts';

/**
 * What a client that floods the server costs the others: `node bench/flooding-client.ts [seconds] [flooders]`.
 *
 * Members of a room call `chat.history` at a steady rate, within the limit, while flooders send as many calls as TCP
 * takes, and while they do not, by turns. The server runs with the limits that it has by default.
 */

const seconds = Number(process.argv[2] ?? 8);
const flooderCount = Number(process.argv[3] ?? 1);
const rounds = 4;
const politeCount = 40;
const politeEveryMs = 100;
const settleMs = 1_000;

await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
const { url } = await server.startProcess({ MAX_CONNECTIONS_PER_ADDRESS: '1000' });
const roomId = addRoom(server);
const polite: LightClient[] = [];
for (let n = 0; n < politeCount; n += 1) {
  const client = await LightClient.connect(url, server.laravel.addUser({ name: 'Polite' }).token);
  await client.mutate('room.join', { roomId });
  polite.push(client);
}

async function startFlooder(): Promise<ChildProcess> {
  const { token } = server.laravel.addUser({ name: 'Flooder' });
  const child = fork(fileURLToPath(new URL('support/flooder.ts', import.meta.url)), [url, token, roomId]);
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

const phases = { alone: { latencies: [] as number[], cpu: 0 }, flooded: { latencies: [] as number[], cpu: 0 } };
await callPolitely();
for (let n = 0; n < rounds; n += 1) {
  for (const [name, phase] of Object.entries(phases)) {
    const flooders =
      name === 'flooded' ? await Promise.all(Array.from({ length: flooderCount }, () => startFlooder())) : [];
    await sleep(settleMs);
    const before = await readUsage(url);
    phase.latencies.push(...(await callPolitely()));
    phase.cpu += (await readUsage(url)).cpu - before.cpu;
    for (const child of flooders) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    await sleep(settleMs);
  }
}
for (const client of polite) client.terminate();

const p99 = quantile(phases.alone.latencies, 0.99);
report(
  `${politeCount} members with ${1_000 / politeEveryMs} calls a second each, and ${flooderCount} that flood(s)`,
  Object.entries(phases).map(([name, { latencies, cpu }]) => ({
    '': name,
    calls: latencies.length,
    'p50 ms': round(quantile(latencies, 0.5)),
    'p99 ms': round(quantile(latencies, 0.99)),
    'p99 x alone': round(quantile(latencies, 0.99) / p99),
    'server CPU, %': round(cpu / (rounds * seconds * 10_000), 0),
  })),
);
