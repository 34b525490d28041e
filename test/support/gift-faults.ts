import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createLaravelStandIn, type LaravelStandIn } from '../../dev/laravel/index.ts';
import { type PrivateRedis, startPrivateRedis } from '../../dev/redis.ts';
import type { GiftEvent } from '../../src/core/events.ts';
import { roomIdSchema, userIdSchema } from '../../src/core/ids.ts';
import { giftConsumerGroup } from '../../src/services/gifts/gift-queue.ts';
import { giftShardOf, giftShards } from '../../src/services/gifts/gift-shards.ts';
import { giftOutcomesKey, pendingGiftsKey, reviewGiftsKey, roomEventsKey } from '../../src/services/redis/keys.ts';
import { connect } from './client.ts';
import { type CrashPoint, crashPoints } from './crash-points.ts';
import { type GiftNode, startGiftNode } from './gift-nodes.ts';
import { GiftSender } from './gift-sender.ts';

const internalKey = 'test-internal-key-of-at-least-32-characters';
const batch = '/internal/gifts/batch';
const nodeCount = 2;
const recipientCount = 3;
/** Of so many senders one has too few coins for all its gifts. */
const poorEvery = 10;
/** A node that does not come to its point within this time is no use, ms. */
const idleMs = 8_000;
/** Between two gifts of one sender while nobody dies, ms. */
const trickleMs = 400;
const mostStarts = 5;
const richBalance = 1_000_000;
/** For how long the final words may take after the last gift, ms. */
const drainMs = 60_000;

export interface GiftFaultsOptions {
  readonly senders: number;
  readonly giftsEach: number;
  /** How often each gift is sent. */
  readonly repeats: number;
  /** How often a node dies at each point. */
  readonly killsPerPoint: number;
  /** For how long Laravel is down in the middle, ms; 0 for not at all. */
  readonly laravelDownMs: number;
  /** How often Redis is killed and started again. */
  readonly redisKills: number;
}

/** What came of it. {@link brokenPromises} says what must be 0. */
export interface GiftFaultsReport {
  readonly gifts: number;
  readonly sends: number;
  readonly connections: number;
  readonly kills: Readonly<Record<CrashPoint, number>>;
  readonly redisKills: number;
  /** Requests of Laravel that met a fault. */
  readonly faults: number;
  readonly seconds: number;
  readonly settled: number;
  readonly rejected: number;
  /** Accepted gifts that the ledger lacks. */
  readonly lost: number;
  /** Gifts of the ledger that were never accepted. */
  readonly unasked: number;
  /** Gifts that moved money more than once. */
  readonly chargedTwice: number;
  /** Coins that are not where the ledger says. */
  readonly misplacedCoins: number;
  /** Gifts that the ledger has after a later one of their sender. */
  readonly outOfOrder: number;
  /** What is still queued, claimed or under review in the end. */
  readonly undecided: number;
  /** Gifts that the room was never shown, but for rejected ones. */
  readonly neverShown: number;
  /** Gifts that the room was shown more than once, which a death between showing and noting that explains. */
  readonly shownAgain: number;
  /** Rejected gifts that the room was not told of last that they are withdrawn, and settled ones that were withdrawn. */
  readonly wronglyOnStage: number;
  /** Accepted gifts without a final word, with more than one, and with one that the ledger does not bear out. */
  readonly withoutWord: number;
  readonly wordTwice: number;
  readonly wrongWord: number;
}

/** Drives gifts through nodes, a back end and a Redis that fail in every way, and counts what became of them. */
export async function runGiftFaults(options: GiftFaultsOptions): Promise<GiftFaultsReport> {
  await using stack = new AsyncDisposableStack();
  const startedAt = performance.now();
  const dataDir = await mkdtemp(join(tmpdir(), 'flylive-gift-faults-'));
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  let redis = await startPrivateRedis({ dataDir });
  stack.defer(() => redis.stop());
  const laravel = createLaravelStandIn({ database: ':memory:', internalKey });
  await laravel.start();
  stack.defer(() => laravel.close());
  const roomId = laravel.addRoom({ title: 'Faults', ownerId: 1 }).id;

  const env = settings(redis, laravel);
  const nodes = new Nodes(env, options.killsPerPoint);
  stack.defer(() => nodes.stop());
  await nodes.start();

  const recipients = Array.from({ length: recipientCount }, () => laravel.addUser({ name: 'Taker', balance: 0 }));
  // They stay members, away, for as long as this takes.
  for (const { token } of recipients) await joinOnce(nodes.anySteady(), token, roomId);
  const senders = Array.from({ length: options.senders }, (_, index) => {
    return new GiftSender({
      user: laravel.addUser({ name: `Giver ${index}`, balance: startingBalance(index, options) }),
      roomId,
      recipientIds: recipients.map(({ id }) => id),
      findNode: () => nodes.any(),
    });
  });
  stack.defer(async () => {
    for (const sender of senders) await sender.disconnect();
  });
  laravel.faults.set(
    batch,
    { answerLateMs: 1_000, share: 0.1 },
    { status: 500, share: 0.1 },
    { dropItems: true, share: 0.1 },
  );

  // Gifts are given in step with the deaths, so that each death has gifts to hit, and trickle on while one is awaited.
  const progress = (): number => (nodes.isDone ? 1 : Math.min((nodes.kills + 1) / (nodes.planned + 1), 1));
  nodes.beginKilling();
  const giving = Promise.all(
    senders.map(async (sender) => {
      while (sender.accepted.length < options.giftsEach || !nodes.isDone) {
        if (sender.accepted.length >= progress() * options.giftsEach) await sleep(trickleMs);
        await sender.give(options.repeats);
      }
    }),
  );
  const disturbing = (async () => {
    if (options.laravelDownMs > 0) {
      while (nodes.kills < nodes.planned / 2) await sleep(50);
      await laravel.stop();
      await sleep(options.laravelDownMs);
      await laravel.start();
    }
    for (let kill = 0; kill < options.redisKills; kill += 1) {
      const total = options.senders * options.giftsEach;
      const given = (): number => senders.reduce((sum, { accepted }) => sum + accepted.length, 0);
      while (given() < ((kill + 1) / (options.redisKills + 1)) * total) await sleep(20);
      redis = await killRedis(redis, dataDir);
    }
  })();
  await Promise.all([giving, disturbing, nodes.done]);
  laravel.faults.clear();

  // Nothing is left that could still be decided, and all words that were put down have been heard.
  const store = new Redis({ host: redis.host, port: redis.port, db: 3 });
  stack.defer(() => store.disconnect());
  const deadline = performance.now() + drainMs;
  const accepted = senders.reduce((sum, sender) => sum + sender.accepted.length, 0);
  let undecided = await countUndecided(store);
  for (;;) {
    const heard = senders.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
    const isQuiet = undecided === 0 && heard >= Math.max(accepted, await countWords(store, senders));
    if (isQuiet || performance.now() > deadline) break;
    await Promise.all(senders.map((sender) => sender.listen()));
    await sleep(100);
    undecided = await countUndecided(store);
  }
  return {
    ...judge(
      laravel,
      senders,
      recipients.map(({ id }) => id),
      options,
    ),
    ...judgeStage(laravel, await readRoomLog(store, roomId)),
    undecided,
    sends: senders.reduce((sum, { sends }) => sum + sends, 0),
    connections: senders.reduce((sum, { connections }) => sum + connections, 0),
    kills: nodes.killsByPoint,
    redisKills: options.redisKills,
    faults: laravel.faults.met(batch),
    seconds: (performance.now() - startedAt) / 1_000,
  };
}

/** What must be 0, whatever happens. */
export function brokenPromises(report: GiftFaultsReport): Record<string, number> {
  const { lost, unasked, chargedTwice, misplacedCoins, outOfOrder, undecided } = report;
  const { neverShown, wronglyOnStage, withoutWord, wordTwice, wrongWord } = report;
  const money = { lost, unasked, chargedTwice, misplacedCoins, outOfOrder, undecided };
  return { ...money, neverShown, wronglyOnStage, withoutWord, wordTwice, wrongWord };
}

/** The report as a table for people. */
export function formatReport(report: GiftFaultsReport): string {
  const rows: [string, number | string][] = [
    ['gifts accepted', report.gifts],
    ['calls of gift.send', report.sends],
    ['connections of senders', report.connections],
    ...Object.entries(report.kills).map(([point, kills]): [string, number] => [`nodes killed ${point}`, kills]),
    ['Redis killed and restarted', report.redisKills],
    ['requests of Laravel that met a fault', report.faults],
    ['settled', report.settled],
    ['rejected', report.rejected],
    ['lost', report.lost],
    ['in the ledger, never accepted', report.unasked],
    ['charged twice', report.chargedTwice],
    ['coins not where the ledger says', report.misplacedCoins],
    ['out of their sender’s order', report.outOfOrder],
    ['left undecided', report.undecided],
    ['settled, never shown to the room', report.neverShown],
    ['shown to the room more than once', report.shownAgain],
    ['rejected and not withdrawn, or the reverse', report.wronglyOnStage],
    ['without a final word', report.withoutWord],
    ['with more than one final word', report.wordTwice],
    ['with a wrong final word', report.wrongWord],
    ['seconds', report.seconds.toFixed(0)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(44)}${String(value).padStart(8)}`).join('\n');
}

function judge(
  laravel: LaravelStandIn,
  senders: readonly GiftSender[],
  recipientIds: readonly number[],
  options: GiftFaultsOptions,
): Pick<
  GiftFaultsReport,
  | 'gifts'
  | 'settled'
  | 'rejected'
  | 'lost'
  | 'unasked'
  | 'chargedTwice'
  | 'misplacedCoins'
  | 'outOfOrder'
  | 'withoutWord'
  | 'wordTwice'
  | 'wrongWord'
> {
  const ledger = new Map(laravel.ledger().map((entry) => [entry.gift_tx_id, entry]));
  const accepted = new Set(senders.flatMap((sender) => sender.accepted));
  const entries = [...ledger.values()];
  let misplacedCoins = 0;
  let chargedTwice = 0;
  let outOfOrder = 0;
  for (const [index, { user, accepted: given }] of senders.entries()) {
    const own = entries.filter(({ sender_id }) => sender_id === user.id);
    const paid = own.reduce((sum, { coins }) => sum + coins, 0);
    const spent = startingBalance(index, options) - (laravel.balance(user.id) ?? 0);
    // The ledger has one line an id, however often money moved; each gift costs one coin.
    chargedTwice += Math.max(spent - paid, 0);
    misplacedCoins += Math.abs(spent - paid);
    const places = own.map(({ gift_tx_id: id }) => given.indexOf(id));
    outOfOrder += places.filter((place, position) => place < Math.max(...places.slice(0, position))).length;
  }
  for (const id of recipientIds) {
    const got = entries.filter((entry) => entry.recipient_id === id).reduce((sum, { coins }) => sum + coins, 0);
    misplacedCoins += Math.abs(got - (laravel.balance(id) ?? 0));
  }
  const tally = { withoutWord: 0, wordTwice: 0, wrongWord: 0 };
  for (const sender of senders) {
    for (const id of sender.accepted) {
      const words = sender.outcomes.filter(({ transactionId }) => transactionId === id);
      if (words.length === 0) tally.withoutWord += 1;
      if (words.length > 1) tally.wordTwice += 1;
      const expected = ledger.get(id)?.status === 'rejected' ? 'giftRejected' : 'giftSettled';
      if (words.some(({ type }) => type !== expected)) tally.wrongWord += 1;
    }
  }
  return {
    gifts: accepted.size,
    settled: entries.filter(({ status }) => status === 'settled').length,
    rejected: entries.filter(({ status }) => status === 'rejected').length,
    lost: [...accepted].filter((id) => !ledger.has(id)).length,
    unasked: [...ledger.keys()].filter((id) => !accepted.has(id)).length,
    chargedTwice,
    misplacedCoins,
    outOfOrder,
    ...tally,
  };
}

/** What the room was told: types of events by transaction id, oldest first. */
async function readRoomLog(store: Redis, roomId: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const told = new Map<string, string[]>();
  for (const [, fields] of await store.xrange(roomEventsKey(roomIdSchema.parse(roomId)), '-', '+')) {
    if (fields[fields.indexOf('t') + 1] !== 'gift') continue;
    const event = JSON.parse(fields[fields.indexOf('e') + 1] ?? '') as GiftEvent;
    const id = event.type === 'giftReceived' ? event.gift.transactionId : event.transactionId;
    told.set(id, [...(told.get(id) ?? []), event.type]);
  }
  return told;
}

function judgeStage(
  laravel: LaravelStandIn,
  told: ReadonlyMap<string, readonly string[]>,
): Pick<GiftFaultsReport, 'neverShown' | 'shownAgain' | 'wronglyOnStage'> {
  const tally = { neverShown: 0, shownAgain: 0, wronglyOnStage: 0 };
  for (const { gift_tx_id: id, status } of laravel.ledger()) {
    const types = told.get(id) ?? [];
    const shown = types.filter((type) => type === 'giftReceived').length;
    if (shown === 0 && status === 'settled') tally.neverShown += 1;
    if (shown > 1) tally.shownAgain += 1;
    const isRight = status === 'rejected' ? types.at(-1) === 'giftWithdrawn' : !types.includes('giftWithdrawn');
    if (!isRight) tally.wronglyOnStage += 1;
  }
  return tally;
}

/** Gifts that are queued, claimed or under review. */
async function countUndecided(store: Redis): Promise<number> {
  const counts = await Promise.all(
    giftShards.map(async (shard) => {
      const pending = pendingGiftsKey(shard);
      // Nothing was ever claimed where there is no group.
      const claimed = await store.xpending(pending, giftConsumerGroup).catch(() => [0]);
      return Math.max(await store.xlen(pending), Number(claimed[0])) + (await store.xlen(reviewGiftsKey(shard)));
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Final words in the mailboxes of the senders. */
async function countWords(store: Redis, senders: readonly GiftSender[]): Promise<number> {
  const counts = await Promise.all(
    senders.map(({ user }) => store.xlen(giftOutcomesKey(giftShardOf(userIdSchema.parse(user.id)), user.id))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function startingBalance(index: number, { giftsEach }: GiftFaultsOptions): number {
  return index % poorEvery === 0 ? Math.ceil(giftsEach / 2) : richBalance;
}

/** Nodes that die at their points one after the other, and are replaced. */
class Nodes {
  readonly killsByPoint = Object.fromEntries(crashPoints.map((point) => [point, 0])) as Record<CrashPoint, number>;
  readonly planned: number;
  readonly #env: Readonly<Record<string, string>>;
  readonly #plan: CrashPoint[];
  readonly #living = new Set<GiftNode>();
  #stopped = false;
  #done: Promise<unknown> = Promise.resolve();
  #isDone = false;

  constructor(env: Readonly<Record<string, string>>, killsPerPoint: number) {
    this.#env = env;
    this.#plan = Array.from({ length: killsPerPoint }, () => crashPoints).flat();
    this.planned = this.#plan.length;
  }

  get kills(): number {
    return Object.values(this.killsByPoint).reduce((sum, kills) => sum + kills, 0);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Settles when every point has had its deaths. */
  get done(): Promise<unknown> {
    return this.#done;
  }

  /** Some node, at random; null when none lives. */
  any(): string | null {
    const urls = [...this.#living].map(({ url }) => url);
    return urls[Math.floor(Math.random() * urls.length)] ?? null;
  }

  anySteady(): string {
    const url = this.any();
    if (url === null) throw new Error('No node lives');
    return url;
  }

  /** Starts nodes that do not die. */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: nodeCount }, () => this.#run(null)));
  }

  /** Replaces the nodes by ones that die, until the plan is done, and then by steady ones. */
  beginKilling(): void {
    this.#done = Promise.all([...this.#living].map((node) => this.#goOn(node))).then(() => (this.#isDone = true));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#living].map((node) => node.kill()));
  }

  async #goOn(steady: GiftNode): Promise<void> {
    let last: GiftNode | null = steady;
    for (let point = this.#plan.shift(); point !== undefined && !this.#stopped; point = this.#plan.shift()) {
      const times = point.includes('enqueue') ? 1 + Math.floor(Math.random() * 20) : 1 + Math.floor(Math.random() * 3);
      const node = await this.#run({ point, times });
      await last?.kill();
      last = node;
      if (node === null) {
        this.killsByPoint[point] += 1;
        continue;
      }
      const died = await Promise.race([node.exited, sleep(idleMs, false)]);
      if (died) this.killsByPoint[point] += 1;
      // It never came to its point; another one may.
      else this.#plan.push(point);
    }
    if (last === steady || this.#stopped) return;
    await this.#run(null);
    await last?.kill();
  }

  async #run(crash: { readonly point: CrashPoint; readonly times: number } | null): Promise<GiftNode | null> {
    const node = await this.#start(crash);
    if (node === null) return null;
    this.#living.add(node);
    void node.exited.then(() => this.#living.delete(node));
    return node;
  }

  /** Tries again, as an operator's tools do: Redis may be gone for the moment. */
  async #start(crash: Parameters<typeof startGiftNode>[1]): Promise<GiftNode | null> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await startGiftNode(this.#env, crash);
      } catch (error) {
        if (attempt === mostStarts) throw error;
        await sleep(500);
      }
    }
  }
}

function settings(redis: PrivateRedis, laravel: LaravelStandIn): Record<string, string> {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'silent',
    REDIS_HOST: redis.host,
    REDIS_PORT: String(redis.port),
    LARAVEL_API_URL: laravel.url,
    LARAVEL_INTERNAL_KEY: internalKey,
    MEDIASOUP_LISTEN_IP: '127.0.0.1',
    MEDIASOUP_RTC_BASE_PORT: '0',
    MEDIASOUP_WORKERS: '1',
    RATE_LIMIT_GIFTS_PER_MINUTE: '100000',
    RATE_LIMIT_CALLS_PER_SECOND: '1000',
    ROOM_GRACE_SECONDS: '600',
    ROOM_EVENT_LOG_LENGTH: '100000',
    GIFT_REPLICAS_ACK: '0',
  };
}

async function joinOnce(url: string, token: string, roomId: string): Promise<void> {
  const client = connect(url, token);
  await client.trpc.room.join.mutate({ roomId });
  client.cut();
}

/** SIGKILL, as when memory runs out, and a new start from the append-only file. */
async function killRedis(redis: PrivateRedis, dataDir: string): Promise<PrivateRedis> {
  const asking = new Redis({ host: redis.host, port: redis.port });
  const pid = /^process_id:(\d+)/m.exec(await asking.info('server'))?.[1];
  asking.disconnect();
  if (pid === undefined) throw new Error('Redis does not say its process id');
  process.kill(Number(pid), 'SIGKILL');
  await redis.exited;
  return startPrivateRedis({ dataDir, port: redis.port });
}
