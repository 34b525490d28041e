import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RoomEvent } from '../../src/core/events.ts';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import { eventually } from '../support/eventually.ts';
import { LightClient, RefusedError } from '../../src/cli/load-test/light-client.ts';
import { addRoom } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import type { ServerProcess } from '../support/server-process.ts';

/*
 * Callers who want what only one can have, at the same moment, each over a socket of its own, by two nodes, on real
 * Redis. What is asserted of a round holds whoever comes first; over a run, each must have come first at some time.
 */

/** Rounds of each race; the long form is `RACES=100 npx vitest run test/integration/races`. */
const rounds = Number(process.env['RACES'] ?? 3);
const takerCount = 1_000;
const seconds = (count: number): number => count * 1_000;

interface JoinAnswer {
  readonly sessionId: string;
  readonly resumed: boolean;
}

/** A user with one socket. */
interface Racer {
  readonly user: UserWithToken;
  readonly client: LightClient;
}

describe('races', () => {
  let server: TestServer;
  const nodes: ServerProcess[] = [];
  const clients: LightClient[] = [];

  beforeAll(async () => {
    server = await startTestServer();
    const env = {
      RATE_LIMIT_CALLS_PER_SECOND: '100000',
      MAX_CONNECTIONS_PER_USER: '10000',
      MAX_CONNECTIONS_PER_ADDRESS: '20000',
      ROOM_EVENT_LOG_LENGTH: '100000',
      // Each event is asserted, so the room must not fall quiet.
      ROOM_QUIET_ABOVE: String(2 * takerCount),
      MEDIASOUP_WORKERS: '1',
    };
    // In processes of their own, or a thousand clients would keep them from reading what Redis answers.
    while (nodes.length < 2) nodes.push(await server.startProcess(env));
  });
  afterAll(async () => {
    for (const client of clients) client.terminate();
    await server[Symbol.asyncDispose]();
  });

  /** Connects to one node and the other by turns, so that those who race are not on the same one. */
  async function connectAs(user: UserWithToken, node = nodes[clients.length % nodes.length]): Promise<LightClient> {
    const client = await LightClient.connect(node?.url ?? expect.unreachable(), user.token);
    clients.push(client);
    return client;
  }

  async function racer(name: string): Promise<Racer> {
    const user = server.laravel.addUser({ name });
    return { user, client: await connectAs(user) };
  }

  /** A room with its owner in it, and a way to call there. */
  async function openRoom(options: { seatCount?: number; seatMode?: 'free' | 'apply' } = {}) {
    const owner = await racer('Owner');
    const roomId = addRoom(server, { ...options, ownerId: owner.user.id });
    const call = ({ client }: Racer, path: string, input: object = {}): Promise<unknown> =>
      client.mutate(path, { roomId, ...input });
    const enter = async (someone: Racer): Promise<Racer> => {
      await patiently(() => call(someone, 'room.join'));
      return someone;
    };
    const seated = (): Promise<Record<string, string>> => server.store.hgetall(`room:seats:{${roomId}}`);
    const lastId = async (): Promise<string> => (await log('-')).at(-1)?.id ?? '-';
    /** The room's own events after a position. */
    async function log(after: string): Promise<{ id: string; event: RoomEvent }[]> {
      const entries = await server.store.xrange(`room:events:{${roomId}}`, after === '-' ? '-' : `(${after}`, '+');
      return entries
        .filter(([, [, topic]]) => topic === 'room')
        .map(([id, fields]) => ({ id, event: JSON.parse(fields[5] ?? '') as RoomEvent }));
    }
    await enter(owner);
    return { roomId, owner, call, enter, seated, log, lastId };
  }

  it(
    `${takerCount} takers of one seat: one has it, the others are refused with SEAT_TAKEN`,
    async () => {
      const { call, enter, seated, log, lastId } = await openRoom({ seatCount: 1 });
      const takers: Racer[] = [];
      while (takers.length < takerCount) {
        takers.push(...(await Promise.all(Array.from({ length: 25 }, async () => enter(await racer('Taker'))))));
      }
      const winners = new Set<number>();
      let putOff = 0;
      const countPutOff = (): void => void (putOff += 1);
      const take = (taker: Racer): Promise<string> =>
        outcome(patiently(() => call(taker, 'seat.take', { seat: 0 }), countPutOff));
      for (let round = 0; round < rounds; round += 1) {
        const before = await lastId();
        shuffle(takers);
        const outcomes = await Promise.all(takers.map(take));
        const won = takers.filter((_, n) => outcomes[n] === 'granted');
        expect(won).toHaveLength(1);
        expect(outcomes.filter((code) => code === 'SEAT_TAKEN')).toHaveLength(takerCount - 1);
        const [winner] = won;
        expect(await seated()).toEqual({ 0: String(winner?.user.id) });
        expect((await log(before)).map(({ event }) => event)).toEqual([
          { type: 'seatTaken', seat: 0, userId: winner?.user.id, mutedByHost: false },
        ]);
        if (winner !== undefined) {
          winners.add(winner.user.id);
          await call(winner, 'seat.leave');
        }
      }
      print(
        `${rounds} x ${takerCount} takers of one seat: one winner each, ${winners.size} different ones; ` +
          `${putOff} calls had to be repeated for load`,
      );
      for (const { client } of takers) client.terminate();
    },
    seconds(180 + rounds * 10),
  );

  it(
    'approve and cancel: a hand that is taken down first gets no seat, one that is approved first keeps it',
    async () => {
      const { owner, call, enter, seated, log, lastId } = await openRoom({ seatMode: 'apply' });
      const member = await enter(await racer('Member'));
      const pair = new Pair('approve', 'cancel');
      await times(rounds * 10, async () => {
        await call(member, 'seat.request');
        const before = await lastId();
        const approve = () => outcome(call(owner, 'seat.approve', { userId: member.user.id }));
        const cancel = () => outcome(call(member, 'seat.cancel'));
        const [approved, canceled] = await pair.race(approve, cancel);
        expect(canceled).toBe('granted');
        expect(['granted', 'REQUEST_NOT_FOUND']).toContain(approved);
        const isSeated = Object.values(await seated()).includes(String(member.user.id));
        expect(isSeated).toBe(approved === 'granted');
        const ends = (await log(before)).flatMap(({ event }) =>
          event.type === 'seatRequestEnded' ? [event.reason] : [],
        );
        expect(ends).toEqual([approved === 'granted' ? 'approved' : 'canceled']);
        pair.cameFirst(approved === 'granted' ? 'approve' : 'cancel');
        await call(member, 'seat.leave');
      });
      pair.expectBothOrders();
      print(`approve vs cancel, ${pair.describe()}`);
    },
    seconds(60 + rounds * 5),
  );

  it(
    'accept and lock: who is invited to the seat gets it, who is invited to any only while one is free',
    async () => {
      const { owner, call, enter, seated } = await openRoom({ seatCount: 1 });
      const member = await enter(await racer('Member'));
      const userId = member.user.id;
      const pair = new Pair('accept', 'lock');
      await times(rounds * 10, async (round) => {
        const named = round % 2 === 0;
        await call(owner, 'seat.invite', { userId, ...(named ? { seat: 0 } : {}) });
        const accept = () => outcome(call(member, 'seat.accept'));
        const lock = () => outcome(call(owner, 'seat.lock', { seat: 0 }));
        const [accepted, locked] = await pair.race(accept, lock);
        expect(locked).toBe('granted');
        if (named) expect(accepted).toBe('granted');
        else expect(['granted', 'NO_FREE_SEAT']).toContain(accepted);
        expect(await seated()).toEqual(accepted === 'granted' ? { 0: String(userId) } : {});
        if (!named) pair.cameFirst(accepted === 'granted' ? 'accept' : 'lock');
        await call(member, 'seat.decline');
        await call(member, 'seat.leave');
        await call(owner, 'seat.unlock', { seat: 0 });
      });
      pair.expectBothOrders();
      print(`accept vs lock of a seat for anybody, ${pair.describe()}`);
    },
    seconds(60 + rounds * 5),
  );

  it(
    'move and take: one of them has the seat, and nobody has two or none',
    async () => {
      const { call, enter, seated } = await openRoom({ seatCount: 2 });
      const [mover, taker] = [await enter(await racer('Mover')), await enter(await racer('Taker'))];
      const pair = new Pair('move', 'take');
      await times(rounds * 10, async () => {
        await call(mover, 'seat.take', { seat: 0 });
        const move = () => outcome(call(mover, 'seat.move', { seat: 1 }));
        const take = () => outcome(call(taker, 'seat.take', { seat: 1 }));
        const outcomes = await pair.race(move, take);
        expect(outcomes.toSorted()).toEqual(['SEAT_TAKEN', 'granted']);
        const moved = outcomes[0] === 'granted';
        expect(await seated()).toEqual(
          moved ? { 1: String(mover.user.id) } : { 0: String(mover.user.id), 1: String(taker.user.id) },
        );
        pair.cameFirst(moved ? 'move' : 'take');
        await Promise.all([call(mover, 'seat.leave'), call(taker, 'seat.leave')]);
      });
      pair.expectBothOrders();
      print(`move vs take, ${pair.describe()}`);
    },
    seconds(60 + rounds * 5),
  );

  it(
    'ban and join: whoever comes first, the banned user is out in the end',
    async () => {
      const { roomId, owner, call, log, lastId } = await openRoom();
      const joiner = await racer('Joiner');
      const userId = joiner.user.id;
      const pair = new Pair('ban', 'join');
      await times(rounds * 10, async () => {
        const before = await lastId();
        const ban = () => outcome(call(owner, 'room.ban', { userId }));
        const join = () => outcome(call(joiner, 'room.join'));
        const [banned, joined] = await pair.race(ban, join);
        expect(banned).toBe('granted');
        expect(['granted', 'BANNED']).toContain(joined);
        expect(await server.store.zscore(`room:roster:{${roomId}}`, String(userId))).toBeNull();
        expect((await log(before)).map(({ event }) => event.type)).toEqual(
          joined === 'granted' ? ['userJoined', 'userLeft'] : [],
        );
        if (joined === 'granted') {
          // The node that holds the socket learns of it by the log.
          await eventually(async () => expect(await outcome(call(joiner, 'room.leave'))).toBe('BANNED'));
        }
        expect(await outcome(call(joiner, 'room.join'))).toBe('BANNED');
        pair.cameFirst(joined === 'granted' ? 'join' : 'ban');
        await call(owner, 'room.unban', { userId });
      });
      pair.expectBothOrders();
      print(`ban vs join, ${pair.describe()}`);
    },
    seconds(60 + rounds * 5),
  );

  it(
    'two tabs of one user: one live session, and the other one is told, however often both try again',
    async () => {
      const races = Math.max(20, rounds);
      const { roomId, owner, log, lastId } = await openRoom();
      await times(races, async () => {
        const user = server.laravel.addUser({ name: 'Two tabs' });
        const before = await lastId();
        const tabs = await Promise.all([connectAs(user, nodes[0]), connectAs(user, nodes[0])]);
        const joined = await Promise.all(tabs.map((tab) => tab.mutate<JoinAnswer>('room.join', { roomId })));
        let live: string | null = null;
        for (let retry = 0; retry < 4; retry += 1) {
          // As after a lost network: both come back over new sockets with the sessions that they had.
          for (const tab of tabs.splice(0)) tab.terminate();
          tabs.push(...(await Promise.all([connectAs(user, nodes[0]), connectAs(user, nodes[0])])));
          const answers = await Promise.allSettled(
            tabs.map((tab, n) => tab.mutate<JoinAnswer>('room.join', { roomId, sessionId: joined[n]?.sessionId })),
          );
          const winners = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
          const losers = answers.flatMap((answer) => (answer.status === 'rejected' ? [codeOf(answer.reason)] : []));
          expect(winners).toHaveLength(1);
          expect(losers).toEqual(['SESSION_REPLACED']);
          expect(winners[0]?.resumed).toBe(true);
          live ??= winners[0]?.sessionId ?? null;
          expect(winners[0]?.sessionId).toBe(live);
        }
        const events = (await log(before)).map(({ event }) => event.type);
        expect(events.filter((type) => type === 'userJoined')).toHaveLength(1);
        expect(events.filter((type) => type === 'sessionReplaced')).toHaveLength(1);
        // Who wants the room here after all joins without a session, and is the newest then.
        const loser = await connectAs(user, nodes[0]);
        const { resumed } = await loser.mutate<JoinAnswer>('room.join', { roomId });
        expect(resumed).toBe(false);
        await loser.mutate('chat.send', { roomId, content: 'Here' });
        tabs.push(loser);
        for (const tab of tabs) tab.terminate();
      });
      await owner.client.mutate('room.close', { roomId });
      print(`${races} races of two tabs, 4 retries each: one live session, no second replacement`);
    },
    seconds(60 + rounds),
  );
});

/** `granted`, or the code that a call was refused with. @throws whatever else it failed with */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'granted';
  } catch (error) {
    return codeOf(error);
  }
}

/**
 * Makes a call again while the node says that it has too much to do: of a thousand calls at once, the last ones wait for
 * longer than it lets them when the machine has much else to do.
 *
 * @param onPutOff - called each time
 */
async function patiently<T>(call: () => Promise<T>, onPutOff: () => void = () => undefined): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (codeOf(error) !== 'SERVICE_UNAVAILABLE') throw error;
      onPutOff();
      await sleep(randomInt(retryMs));
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof RefusedError) return error.appCode;
  throw error;
}

/** Longest time that a call which was refused for load waits before it is made again, ms. */
const retryMs = 500;

/** Most that the head start changes from one round to the next, ms. */
const longestStepMs = 250;

/**
 * Two calls that are made at about the same moment, round after round. Whichever came first begins later in the next
 * round, by twice as much as long as it still comes first: so the rounds stay close to where it can go either way,
 * however long either call takes on this machine.
 */
class Pair {
  readonly #names: readonly [string, string];
  readonly #counts: [number, number] = [0, 0];
  /** How much later the first call begins than the second, ms; negative: earlier. */
  #delayMs = 0;
  #stepMs = 1;
  #last = -1;

  constructor(...names: readonly [string, string]) {
    this.#names = names;
  }

  /** Makes both calls; answers in the order of the arguments. */
  race(first: () => Promise<string>, second: () => Promise<string>): Promise<[string, string]> {
    const after = (ms: number, call: () => Promise<string>) => (ms > 0 ? sleep(ms).then(call) : call());
    return Promise.all([after(this.#delayMs, first), after(-this.#delayMs, second)]);
  }

  /** Takes down which one came first. */
  cameFirst(name: string): void {
    const which = name === this.#names[0] ? 0 : 1;
    this.#counts[which] += 1;
    this.#stepMs = which === this.#last ? Math.min(this.#stepMs * 2, longestStepMs) : 1;
    this.#delayMs += which === 0 ? this.#stepMs : -this.#stepMs;
    this.#last = which;
  }

  expectBothOrders(): void {
    expect(Math.min(...this.#counts), this.describe()).toBeGreaterThan(0);
  }

  describe(): string {
    const [first, second] = this.#counts;
    return `${first + second} rounds: ${this.#names[0]} came first ${first} times, ${this.#names[1]} ${second} times`;
  }
}

function shuffle(list: unknown[]): void {
  for (let end = list.length - 1; end > 0; end -= 1) {
    const other = randomInt(end + 1);
    [list[end], list[other]] = [list[other], list[end]];
  }
}

async function times(count: number, run: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < count; round += 1) await run(round);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
