import { startStage } from './support/contestants.ts';
import { quantile, report, round } from './support/report.ts';

/**
 * What a call costs: `node bench/request-response.ts [clients] [seconds]`.
 *
 * Every client makes one call at a time. All three servers do the same one read of the same Redis (XREVRANGE of one
 * message). FlyLive's call is `chat.history`: authenticated, membership checked, input validated, superjson both ways.
 */

const clientCount = Number(process.argv[2] ?? 50);
const seconds = Number(process.argv[3] ?? 8);

await using stage = await startStage();
const rows: { server: string; perSecond: number; p50: number; p99: number; cpu: number }[] = [];
for (const start of [stage.ws, stage.socketIo, stage.flylive]) {
  await using contestant = await start();
  using clients = stage.clientsOf(contestant);
  await clients.open(clientCount);
  await clients.call(2);
  const before = await contestant.usage();
  const { latencies, seconds: taken } = await clients.call(seconds);
  const after = await contestant.usage();
  rows.push({
    server: contestant.name,
    perSecond: latencies.length / taken,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: (after.cpu - before.cpu) / latencies.length,
  });
}
const raw = rows[0];
report(
  `Calls, ${clientCount} clients with one under way each`,
  rows.map(({ server, perSecond, p50, p99, cpu }) => ({
    server,
    'calls a second': Math.round(perSecond),
    'p50 ms': round(p50),
    'p99 ms': round(p99),
    'CPU us a call': round(cpu, 1),
    'x raw': round(cpu / (raw?.cpu ?? Number.NaN)),
  })),
);
