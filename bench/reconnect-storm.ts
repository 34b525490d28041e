import { setTimeout as sleep } from 'node:timers/promises';
import { compareEventIds, roomIdSchema } from '../src/core/ids.ts';
import { roomEventsKey } from '../src/services/redis/keys.ts';
import { eventIdOf, LightClient } from '../src/cli/load-test/light-client.ts';
import { makeGiftEvent } from '../test/support/room-gift.ts';
import { startStage } from './support/contestants.ts';
import { quantile, report, round } from './support/report.ts';

/**
 * Everybody loses the connection at once and comes back at once: `node bench/reconnect-storm.ts [clients]`. 20 events a
 * second go on all the while. A client is back when it has joined again with its session and its subscription to gifts
 * delivers; then every client's events are compared with the log. Only FlyLive: the others replay nothing.
 */

const clientCount = Number(process.argv[2] ?? 1_000);
/** The SDK waits a random time up to this before its first attempt, ms. */
const jitterMs = 1_000;
const eventEveryMs = 50;

class StormClient {
  readonly received: string[] = [];
  start = '';
  /** How long coming back took, ms. */
  backMs = Number.NaN;
  refusals = 0;
  /** Nobody is away for long enough that any should be given. */
  resyncs = 0;
  #client: LightClient | null = null;
  #sessionId: string | null = null;
  #cursor = '';
  /** By path; null before the first event. */
  readonly #quietCursors = new Map<string, string | null>([
    ['room.onEvent', null],
    ['media.onEvent', null],
    ['chat.onMessage', null],
  ]);
  readonly #url: string;
  readonly #token: string;
  readonly #roomId: string;

  constructor(url: string, token: string, roomId: string) {
    this.#url = url;
    this.#token = token;
    this.#roomId = roomId;
  }

  async connect(): Promise<void> {
    const roomId = this.#roomId;
    const client = await LightClient.connect(this.#url, this.#token);
    this.#client = client;
    const session = this.#sessionId === null ? {} : { sessionId: this.#sessionId };
    const joined = await client.mutate<{ sessionId: string; snapshot: { cursor: string } }>('room.join', {
      roomId,
      ...session,
    });
    if (this.#sessionId === null) {
      this.#sessionId = joined.sessionId;
      this.#cursor = this.start = joined.snapshot.cursor;
    }
    client.subscribe('room.onActivity', { roomId }, () => undefined);
    for (const [path, cursor] of this.#quietCursors) {
      client.subscribe(path, { roomId, lastEventId: cursor ?? this.start }, (message) => {
        if (message.includes('"type":"resync"')) this.resyncs += 1;
        this.#quietCursors.set(path, eventIdOf(message) ?? cursor);
      });
    }
    await new Promise<void>((resolve) => {
      client.subscribe('gift.onEvent', { roomId, lastEventId: this.#cursor }, (message) => {
        const id = eventIdOf(message);
        if (id === null) return;
        this.#cursor = id;
        if (message.includes('"type":"subscribed"')) return resolve();
        this.received.push(id);
      });
    });
  }

  /** Loses the connection and comes back. */
  async drop(): Promise<void> {
    this.#client?.terminate();
    const started = performance.now();
    await sleep(Math.random() * jitterMs);
    for (;;) {
      try {
        await this.connect();
        break;
      } catch {
        this.refusals += 1;
        await sleep(Math.random() * jitterMs);
      }
    }
    this.backMs = performance.now() - started;
  }

  close(): void {
    this.#client?.terminate();
  }
}

await using stage = await startStage();
await using flylive = await stage.flylive();
const clients = Array.from({ length: clientCount }, () => {
  return new StormClient(flylive.url, stage.server.laravel.addUser({ name: 'A' }).token, stage.roomId);
});
for (let n = 0; n < clientCount; n += 25) await Promise.all(clients.slice(n, n + 25).map((client) => client.connect()));
await sleep(2_000);

let publishing = true;
const publisher = (async () => {
  while (publishing) {
    await flylive.publish([JSON.stringify(makeGiftEvent())]);
    await sleep(eventEveryMs);
  }
})();
await sleep(1_000);
const before = await flylive.usage();
const started = performance.now();
await Promise.all(clients.map((client) => client.drop()));
const allBackMs = performance.now() - started;
const after = await flylive.usage();
await sleep(1_000);
publishing = false;
await publisher;
await sleep(1_000);

const log = await stage.server.store.xrange(roomEventsKey(roomIdSchema.parse(stage.roomId)), '-', '+');
const gifts = log.filter(([, fields]) => fields[1] === 'gift').map(([id]) => id);
let missing = 0;
let duplicates = 0;
let disordered = 0;
for (const { received, start } of clients) {
  const distinct = new Set(received);
  duplicates += received.length - distinct.size;
  missing += gifts.filter((id) => compareEventIds(id, start) > 0 && !distinct.has(id)).length;
  disordered += received.filter((id, index) => index > 0 && compareEventIds(id, received[index - 1] ?? '') < 0).length;
}
for (const client of clients) client.close();
const times = clients.map(({ backMs }) => backMs);
report(`${clientCount} clients lose their connections at once (jitter ${jitterMs} ms)`, [
  {
    'all back, s': round(allBackMs / 1_000),
    'p50, s': round(quantile(times, 0.5) / 1_000),
    'p99, s': round(quantile(times, 0.99) / 1_000),
    'failed attempts': clients.reduce((sum, { refusals }) => sum + refusals, 0),
    'server CPU, s': round((after.cpu - before.cpu) / 1_000_000),
    events: gifts.length,
    missing,
    duplicates,
    'out of order': disordered,
    resyncs: clients.reduce((sum, { resyncs }) => sum + resyncs, 0),
  },
]);
