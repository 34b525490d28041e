import { setTimeout as sleep } from 'node:timers/promises';
import { makeGiftEvent } from '../test/support/room-gift.ts';
import { startStage } from './support/contestants.ts';
import { report, round } from './support/report.ts';

/**
 * What clients cost that stop reading: `node bench/slow-consumers.ts [events]`. Half of 20 clients stop; 1 KiB events go
 * to all of them. Compared: resident memory of the serving process before, and at its highest. test/integration/
 * slow-clients.test.ts proves that nobody misses anything.
 */

const events = Number(process.argv[2] ?? 20_000);
const clientCount = 20;
const pausedCount = 10;
const atOnce = 50;

await using stage = await startStage({ memory: true });
const rows: { server: string; before: number; highest: number }[] = [];
for (const start of [stage.ws, stage.socketIo, stage.flylive]) {
  await using contestant = await start();
  using clients = stage.clientsOf(contestant);
  await clients.open(clientCount);
  const makeEvents = (): string[] =>
    Array.from({ length: atOnce }, () => JSON.stringify(makeGiftEvent('x'.repeat(900))));
  for (let n = 0; n < 1_000; n += atOnce) {
    const arrival = clients.arrival(atOnce * clientCount);
    await contestant.publish(makeEvents());
    await arrival;
  }
  const { rss: before } = await contestant.usage();
  await clients.pause(pausedCount);
  let highest = before;
  for (let n = 0; n < events; n += atOnce) {
    const arrival = clients.arrival(atOnce * (clientCount - pausedCount));
    await contestant.publish(makeEvents());
    await arrival;
    if (n % 1_000 === 0) highest = Math.max(highest, (await contestant.usage()).rss);
  }
  await sleep(500);
  highest = Math.max(highest, (await contestant.usage()).rss);
  rows.push({ server: contestant.name, before, highest });
}
const [raw] = rows;
const mebibytes = (bytes: number): number => round(bytes / 1_024 / 1_024, 0);
report(
  `${pausedCount} of ${clientCount} clients stop reading, ${events} events`,
  rows.map(({ server, before, highest }) => ({
    server,
    'RSS before, MiB': mebibytes(before),
    'highest, MiB': mebibytes(highest),
    'growth, MiB': mebibytes(highest - before),
    'growth x raw': round((highest - before) / (raw === undefined ? Number.NaN : raw.highest - raw.before), 3),
  })),
);
