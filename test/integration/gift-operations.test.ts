import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giftShardOf } from '../../src/services/gifts/gift-shards.ts';
import { giftTransactionKey, pendingGiftsKey, reviewGiftsKey } from '../../src/services/redis/keys.ts';
import { userIdSchema } from '../../src/core/ids.ts';
import { type CommandResult, flylive as runFlylive } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { readMetric } from '../support/metrics.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const batch = '/internal/gifts/batch';
const day = 24 * 3_600_000;

describe('operators', () => {
  let server: TestServer;
  let sender: TestMember;
  let recipient: TestMember;

  beforeEach(async () => {
    server = await startTestServer({ env: { GIFT_PENDING_ALARM_SECONDS: '1' } });
    const roomId = addRoom(server);
    sender = await enter(server, roomId);
    recipient = await enter(server, roomId);
  });
  afterEach(async () => {
    await sender.client.close();
    await recipient.client.close();
    await server[Symbol.asyncDispose]();
  });

  async function give(transactionId: string = randomUUID()): Promise<string> {
    const gift = { roomId: sender.roomId, transactionId, giftId: '1', recipientId: recipient.user.id };
    await sender.trpc.gift.send.mutate(gift);
    return transactionId;
  }
  const statusOf = async (transactionId: string): Promise<string | undefined> => {
    return (await sender.trpc.gift.status.query({ transactionIds: [transactionId] }))[0]?.status;
  };
  async function health(): Promise<unknown> {
    return (await fetch(`${server.url}/health`)).json();
  }
  const metric = (name: string): Promise<number> => readMetric(server.url, name);
  const flylive = (...args: string[]): Promise<CommandResult> => {
    return runFlylive(server.url, server.internalKey, ...args);
  };

  const key = (): string => pendingGiftsKey(giftShardOf(userIdSchema.parse(sender.user.id)));

  /** As if the gift had been accepted a day and an hour ago. */
  async function age(): Promise<void> {
    const [entry] = await server.store.xrange(key(), '-', '+');
    await server.store.del(key());
    await server.store.xadd(key(), `${Date.now() - day - 3_600_000}-0`, ...(entry?.[1] ?? []));
  }

  it('see gifts that wait, as numbers and as a fault of the node', async () => {
    server.laravel.faults.set(batch, { status: 500 });
    await give();
    await eventually(async () => expect(await health()).toMatchObject({ gifts: 'PENDING_TOO_LONG' }));
    expect(await metric('flylive_gifts_pending')).toBe(1);
    expect(await metric('flylive_gifts_oldest_pending_seconds')).toBeGreaterThan(0);
    expect(await metric('flylive_gifts_accepted_total')).toBe(1);
    expect(await metric('flylive_gifts_retries_total')).toBeGreaterThan(0);
    const { code, out } = await flylive('gifts', 'pending');
    expect(code).toBe(0);
    expect(out).toMatch(/^1 pending/);
    server.laravel.faults.clear();
    await eventually(async () => expect(await health()).toMatchObject({ status: 'ok' }), 20_000);
    expect(await metric('flylive_gifts_settled_total')).toBe(1);
    expect(await metric('flylive_gifts_in_flight')).toBe(0);
    expect(await metric('flylive_gifts_flush_seconds_count')).toBeGreaterThan(1);
  });

  it('learn at once that Laravel does not take the key; nothing is lost', async () => {
    server.laravel.faults.set(batch, { status: 401 });
    const transactionId = await give();
    await eventually(async () => expect(await health()).toMatchObject({ gifts: 'BACK_END_DENIES_KEY' }));
    expect(await metric('flylive_gifts_paused')).toBe(1);
    expect(await statusOf(transactionId)).toBe('pending');
    expect((await flylive('gifts', 'pending')).out).toContain('does not take the internal key');
    expect(server.laravel.faults.met(batch)).toBe(1);
    server.laravel.faults.clear();
    // Asked again every 30 s.
    await eventually(async () => expect(await statusOf(transactionId)).toBe('settled'), 60_000);
    await eventually(async () => expect(await health()).toMatchObject({ status: 'ok' }));
    expect(await metric('flylive_gifts_paused')).toBe(0);
  }, 90_000);

  it('find what is undecided for a day under review, never failed, and queue it again', async () => {
    server.laravel.faults.set(batch, { status: 503 });
    const transactionId = await give();
    await age();
    await eventually(async () => expect(await statusOf(transactionId)).toBe('underReview'), 15_000);
    expect(await metric('flylive_gifts_under_review')).toBe(1);
    const listed = await flylive('gifts', 'dead', '--json');
    expect(JSON.parse(listed.out)).toMatchObject([{ transactionId, reason: 'TOO_OLD', senderId: sender.user.id }]);
    expect((await flylive('gifts', 'dead')).out).toContain(transactionId);

    server.laravel.faults.clear();
    expect(await flylive('gifts', 'retry', randomUUID(), transactionId)).toMatchObject({
      code: 0,
      out: '1 queued again\n1 are not under review\n',
    });
    await eventually(async () => expect(await statusOf(transactionId)).toBe('settled'), 15_000);
    expect(server.laravel.ledger()).toHaveLength(1);
    expect((await flylive('gifts', 'retry', '--all', '--json')).out).toBe('{"queued":0}\n');
  }, 120_000);

  it('find a gift under review that Laravel cannot read, while the others of its batch go on', async () => {
    const bad = randomUUID();
    server.laravel.unreadable.add(bad);
    await give(bad);
    const others = await Promise.all(Array.from({ length: 7 }, () => give()));
    await eventually(async () => expect(await statusOf(bad)).toBe('underReview'), 15_000);
    for (const other of others) await eventually(async () => expect(await statusOf(other)).toBe('settled'));
    expect(server.laravel.ledger()).toHaveLength(7);
    expect(JSON.parse((await flylive('gifts', 'dead', '--json')).out)).toMatchObject([{ reason: 'REFUSED' }]);
  });

  it('find entries that cannot be read, with what is there', async () => {
    const [stranger, transactionId] = [randomUUID(), randomUUID()];
    await server.store.xadd(key(), '*', 'surprise', '1');
    await server.store.xadd(key(), '*', 'id', stranger, 'gift', '{"of":"another release"}');
    await give(transactionId);
    await eventually(async () => expect(await statusOf(transactionId)).toBe('settled'), 15_000);
    const listed = await flylive('gifts', 'dead', '--json');
    expect(JSON.parse(listed.out)).toMatchObject([
      { transactionId: '', giftId: null, reason: 'UNREADABLE' },
      { transactionId: stranger, senderId: null, reason: 'UNREADABLE' },
    ]);
    expect((await flylive('gifts', 'dead')).out).toContain(stranger);
  });

  it('never see a final word taken back: a decided gift is neither put aside nor queued again', async () => {
    const transactionId = await give();
    await eventually(async () => expect(await statusOf(transactionId)).toBe('settled'), 15_000);
    const shard = giftShardOf(userIdSchema.parse(sender.user.id));
    const review = reviewGiftsKey(shard);
    const reviewId = await server.store.xadd(review, '*', 'reason', 'TOO_OLD', 'id', transactionId, 'gift', '{}');
    await server.store.hset(giftTransactionKey(shard, transactionId), 'reviewId', String(reviewId));
    expect((await flylive('gifts', 'retry', transactionId, '--json')).out).toBe('{"queued":0}\n');
    expect(await server.store.xlen(review)).toBe(0);
    await server.store.xadd(key(), '*', 'id', transactionId, 'gift', 'unreadable');
    await eventually(async () => expect(await server.store.xlen(key())).toBe(0), 15_000);
    expect(await server.store.xlen(review)).toBe(0);
    expect(await statusOf(transactionId)).toBe('settled');
  });

  it('are told in one line what is wrong with their command', async () => {
    expect(await flylive('gifts', 'retry')).toMatchObject({ code: 1, err: expect.stringMatching(/^flylive: name /) });
    expect(await flylive('gifts', 'dead', '--limit', 'all')).toMatchObject({ code: 1 });
    expect(await flylive('gifts', 'retry', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('BAD_INPUT') });
    const id = randomUUID();
    expect(await flylive('gifts', 'retry', id, id)).toMatchObject({
      code: 2,
      err: expect.stringContaining('BAD_INPUT'),
    });
    const nowhere = await flylive('gifts', 'pending', '--url', 'http://127.0.0.1:1');
    expect(nowhere).toMatchObject({ code: 3, err: expect.stringContaining('cannot be reached') });
    expect((await flylive('gifts', '--help')).out).toContain('retry');
  });
});
