import { setTimeout as sleep } from 'node:timers/promises';
import { type Contestant, type Stage, startStage } from './support/contestants.ts';
import { report, round } from './support/report.ts';

/**
 * What a connection costs in memory: `node bench/connection-memory.ts [connections]`.
 *
 * Compared: resident memory of the serving process, divided by the connections that it grew by; a third as many are open
 * before, so that code and buffers that exist once are not counted. FlyLive's connections have authenticated, joined a
 * room and opened their five subscriptions; the others' are only open (Socket.IO's are in a room).
 */

const connections = Number(process.argv[2] ?? 1_500);

async function measure(stage: Stage, contestant: Contestant): Promise<{ rss: number; heap: number }> {
  using clients = stage.clientsOf(contestant);
  await clients.open(Math.ceil(connections / 3));
  const before = await settledUsage(contestant);
  await clients.open(connections);
  const after = await settledUsage(contestant);
  return {
    rss: (after.rss - before.rss) / connections / 1_024,
    heap: (after.heapUsed - before.heapUsed) / connections / 1_024,
  };
}

/** The least of some looks: what is not collected yet is not held. */
async function settledUsage(contestant: Contestant): Promise<{ rss: number; heapUsed: number }> {
  const looks: { rss: number; heapUsed: number }[] = [];
  for (let n = 0; n < 10; n += 1) {
    await sleep(500);
    looks.push(await contestant.usage());
  }
  return {
    rss: Math.min(...looks.map(({ rss }) => rss)),
    heapUsed: Math.min(...looks.map(({ heapUsed }) => heapUsed)),
  };
}

await using stage = await startStage({ memory: true });
const rows: { server: string; rss: number; heap: number }[] = [];
for (const start of [stage.ws, stage.socketIo, stage.flylive]) {
  await using contestant = await start();
  rows.push({ server: contestant.name, ...(await measure(stage, contestant)) });
}
report(
  `Memory of a connection, over ${connections} connections`,
  rows.map(({ server, rss, heap }) => ({
    server,
    'KiB a connection (RSS)': round(rss, 1),
    'of it V8 heap': round(heap, 1),
    'x raw': round(rss / (rows[0]?.rss ?? Number.NaN)),
  })),
);
