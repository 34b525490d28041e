import { setTimeout as sleep } from 'node:timers/promises';
import { roomIdSchema } from '../src/core/ids.ts';
import { roomEventsKey } from '../src/services/redis/keys.ts';
import { makeGiftEvent } from '../test/support/room-gift.ts';
import { type Contestant, type Stage, startStage } from './support/contestants.ts';
import { quantile, report, type Row, round } from './support/report.ts';
import { ForgetfulClient, ResumingClient, type StormClient } from './support/storm-clients.ts';

/**
 * Everybody loses the connection at once and comes back at once: `node bench/reconnect-storm.ts [clients]`. 20 events a
 * second go on all the while. A client of FlyLive is back when it has authenticated, has joined again with its session and
 * its subscription to gifts delivers; then its events are compared with the log. The others' are back when they are
 * connected (Socket.IO's: in the room); nothing is replayed to them.
 */

const clientCount = Number(process.argv[2] ?? 1_000);
/** The SDK waits a random time up to this before its first attempt, ms; all contestants' clients do. */
const jitterMs = 1_000;
const eventEveryMs = 50;
/** Clients that connect at a time before the storm. */
const parallel = 25;
/** What is still missing after this, ms, is lost. */
const catchUpMs = 30_000;

interface Storm {
  readonly server: string;
  readonly allBackMs: number;
  /** Of each client. */
  readonly backMs: readonly number[];
  readonly failedAttempts: number;
  /** Of the serving process, microseconds. */
  readonly cpu: number;
  readonly events: readonly string[];
  readonly clients: readonly StormClient[];
}

function makeClient(stage: Stage, { protocol, url }: Contestant): StormClient {
  if (protocol !== 'flylive') return new ForgetfulClient(protocol, url);
  return new ResumingClient(url, stage.server.laravel.addUser({ name: 'A' }).token, stage.roomId);
}

async function storm(stage: Stage, contestant: Contestant): Promise<Storm> {
  const clients = Array.from({ length: clientCount }, () => makeClient(stage, contestant));
  for (let n = 0; n < clientCount; n += parallel) {
    await Promise.all(clients.slice(n, n + parallel).map((client) => client.connect()));
  }
  await sleep(2_000);

  let failedAttempts = 0;
  const comeBack = async (client: StormClient): Promise<number> => {
    client.terminate();
    const started = performance.now();
    for (;;) {
      await sleep(Math.random() * jitterMs);
      try {
        await client.connect();
        return performance.now() - started;
      } catch {
        client.terminate();
        failedAttempts += 1;
      }
    }
  };
  let published = 0;
  let publishing = true;
  const publisher = (async () => {
    for (; publishing; published += 1) {
      await contestant.publish([JSON.stringify(makeGiftEvent())]);
      await sleep(eventEveryMs);
    }
  })();
  await sleep(1_000);
  const before = await contestant.usage();
  const started = performance.now();
  const backMs = await Promise.all(clients.map(comeBack));
  const allBackMs = performance.now() - started;
  const after = await contestant.usage();
  await sleep(1_000);
  publishing = false;
  await publisher;
  const replays = contestant.protocol === 'flylive';
  const events = replays ? await loggedGifts(stage) : Array.from<string>({ length: published });
  // The others have nothing to catch up with.
  const until = performance.now() + (replays ? catchUpMs : 1_000);
  const isBehind = (): boolean => clients.some((client) => client.losses(events).missing > 0);
  while (performance.now() < until && isBehind()) await sleep(250);
  for (const client of clients) client.terminate();
  return {
    server: contestant.name,
    allBackMs,
    backMs,
    failedAttempts,
    cpu: after.cpu - before.cpu,
    events,
    clients,
  };
}

async function loggedGifts({ server, roomId }: Stage): Promise<string[]> {
  const log = await server.store.xrange(roomEventsKey(roomIdSchema.parse(roomId)), '-', '+');
  return log.filter(([, fields]) => fields[1] === 'gift').map(([id]) => id);
}

function rowOf({ server, allBackMs, backMs, failedAttempts, cpu, events, clients }: Storm, raw: Storm): Row {
  const losses = clients.map((client) => client.losses(events));
  const sum = (kind: keyof (typeof losses)[number]): number => losses.reduce((total, each) => total + each[kind], 0);
  return {
    server,
    'all back, s': round(allBackMs / 1_000),
    'x raw': round(allBackMs / raw.allBackMs),
    'p50, s': round(quantile(backMs, 0.5) / 1_000),
    'p99, s': round(quantile(backMs, 0.99) / 1_000),
    'failed attempts': failedAttempts,
    'server CPU, s': round(cpu / 1_000_000),
    events: events.length,
    missing: sum('missing'),
    duplicates: sum('duplicates'),
    'out of order': sum('disordered'),
    resyncs: sum('resyncs'),
  };
}

await using stage = await startStage();
const storms: Storm[] = [];
for (const start of [stage.ws, stage.socketIo, stage.flylive]) {
  await using contestant = await start();
  storms.push(await storm(stage, contestant));
}
report(
  `${clientCount} clients lose their connections at once (jitter ${jitterMs} ms)`,
  storms.map((each) => rowOf(each, storms[0] ?? each)),
);
process.stdout.write(
  '\nraw ws and Socket.IO replay nothing, so what was sent while their clients were away is missing; nor do they ask who\n' +
    'comes, or have a session to continue.\n',
);
