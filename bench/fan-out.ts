import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Contestant, type Stage, startStage } from './support/contestants.ts';
import { preciseNow } from './support/messages.ts';
import { report, round } from './support/report.ts';

/**
 * What an event costs that everybody in a room hears: `node bench/fan-out.ts [subscribers...]`.
 *
 * Compared: CPU time of the serving process for each delivery, and the time from the publisher's call until the last
 * client has the event. raw ws sends a prepared buffer from within its process. FlyLive's way is the whole way: a script
 * in Redis logs and announces the event, the server reads, checks, encodes and writes it; Redis's own CPU is not counted.
 * Single events are at least 40 ms apart, so that none is written together with another.
 */

const sizes = process.argv.slice(2).map(Number);
const eventsPerSize = { single: 100, bursts: 30 };
const burst = 10;
const apartMs = 40;

interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

function makeEvents(count: number): string[] {
  return Array.from({ length: count }, () =>
    JSON.stringify({
      type: 'giftReceived',
      gift: {
        transactionId: randomUUID(),
        gift: { id: '12', name: 'Rose', price: 10, icon: 'https://cdn.example.com/gifts/rose.png' },
        quantity: 1,
        sender: { id: 1_234, name: 'Somebody With A Name', avatar: 'https://cdn.example.com/avatars/1234.png' },
        recipientId: 4_321,
        sentAt: Date.now(),
      },
    }),
  );
}

async function measure(
  stage: Stage,
  contestant: Contestant,
  subscribers: number,
  distinctIds = false,
): Promise<[Cost, Cost]> {
  using clients = stage.clientsOf(contestant, { distinctIds });
  await clients.open(subscribers);
  await sleep(2_000);
  const run = async (rounds: number, size: number): Promise<Cost> => {
    let wall = 0;
    const before = await contestant.usage();
    for (let n = 0; n < rounds; n += 1) {
      const arrival = clients.arrival(size * subscribers);
      const started = preciseNow();
      await contestant.publish(makeEvents(size));
      wall += (await arrival) - started;
      await sleep(Math.max(0, apartMs - (preciseNow() - started)));
    }
    const after = await contestant.usage();
    return { cpu: (after.cpu - before.cpu) / (rounds * size * subscribers), wall: wall / (rounds * size) };
  };
  await run(20, 1);
  await run(5, burst);
  return [await run(eventsPerSize.single, 1), await run(eventsPerSize.bursts, burst)];
}

await using stage = await startStage();
for (const subscribers of sizes.length === 0 ? [500, 2_000] : sizes) {
  const results = new Map<string, [Cost, Cost]>();
  for (const start of [stage.ws, stage.socketIo, stage.flylive]) {
    await using contestant = await start();
    results.set(contestant.name, await measure(stage, contestant, subscribers));
  }
  await using worst = await stage.flylive();
  results.set('FlyLive, all request ids distinct', await measure(stage, worst, subscribers, true));

  const [rawSingle, rawBurst] = results.get('raw ws') ?? [];
  const ratio = (cost: Cost, raw: Cost | undefined): number => round(cost.cpu / (raw?.cpu ?? Number.NaN));
  report(
    `Fan-out to ${subscribers} subscribers`,
    [...results].map(([name, [single, bursts]]) => ({
      server: name,
      'single: CPU us a delivery': round(single.cpu),
      'x raw': ratio(single, rawSingle),
      'ms until all have it': round(single.wall, 1),
      [`burst of ${burst}: CPU us a delivery`]: round(bursts.cpu),
      'x raw ': ratio(bursts, rawBurst),
      'ms an event': round(bursts.wall, 1),
    })),
  );
}
