import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { userIdSchema } from '../../src/core/ids.ts';
import { giftShardOf } from '../../src/services/gifts/gift-shards.ts';
import { eventually } from '../support/eventually.ts';
import { type LaravelHop, startLaravelHop } from '../support/laravel-hop.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { readMetric } from '../support/metrics.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const largestBatch = 100;

describe('batches of gifts', () => {
  let stack: AsyncDisposableStack;
  let hop: LaravelHop;
  let server: TestServer;
  let roomId: string;
  let recipient: TestMember;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    hop = stack.use(await startLaravelHop((senderId) => giftShardOf(userIdSchema.parse(senderId))));
    server = stack.use(
      await startTestServer({
        env: { RATE_LIMIT_GIFTS_PER_MINUTE: '10000', RATE_LIMIT_CALLS_PER_SECOND: '10000' },
        adjust: (config) => {
          hop.target = config.laravel.url;
          return { ...config, laravel: { ...config.laravel, url: hop.url } };
        },
      }),
    );
    roomId = addRoom(server);
    recipient = stack.use(await enter(server, roomId));
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await stack.disposeAsync();
  });

  const enterSender = async (): Promise<TestMember> => stack.use(await enter(server, roomId));
  async function give(sender: TestMember, transactionId: string = randomUUID()): Promise<string> {
    await sender.trpc.gift.send.mutate({ roomId, transactionId, giftId: '1', recipientId: recipient.user.id });
    return transactionId;
  }
  const statusOf = async (sender: TestMember, transactionId: string): Promise<string | undefined> =>
    (await sender.trpc.gift.status.query({ transactionIds: [transactionId] }))[0]?.status;
  async function expectSettled(sender: TestMember, transactionIds: readonly string[]): Promise<void> {
    for (const id of transactionIds) {
      await eventually(async () => expect(await statusOf(sender, id)).toBe('settled'), 30_000);
    }
  }
  const metric = (name: string): Promise<number> => readMetric(server.url, name);
  /** Pauses after failures are as short as they can be, nearly, and the second gift at the latest is sent ahead. */
  const hurry = (): unknown => vi.spyOn(Math, 'random').mockReturnValue(0.01);

  it('have 100 gifts at most, go one at a time a shard, and keep the order of a sender', async () => {
    const sender = await enterSender();
    server.laravel.faults.set('/internal/gifts/batch', { delayMs: 300 });
    const sent: string[] = [];
    for (let count = 0; count < 250; count += 1) sent.push(await give(sender));
    await expectSettled(sender, sent.slice(-1));
    expect(hop.batches.flatMap(({ gifts }) => gifts.map(({ gift_tx_id: id }) => id))).toEqual(sent);
    for (const { gifts, sameShardUnderWay } of hop.batches) {
      expect(gifts.length).toBeLessThanOrEqual(largestBatch);
      expect(sameShardUnderWay).toBe(1);
    }
    expect(hop.batches.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...hop.batches.map(({ gifts }) => gifts.length))).toBeGreaterThan(1);
  }, 60_000);

  it('with one result that does not fit decide the other gifts', async () => {
    const sender = await enterSender();
    const odd = randomUUID();
    hop.misfits.add(odd);
    await give(sender, odd);
    const others = await Promise.all(Array.from({ length: 5 }, () => give(sender)));
    await expectSettled(sender, others);
    expect(await statusOf(sender, odd)).toBe('pending');
    hop.misfits.clear();
    await expectSettled(sender, [odd]);
    expect(server.laravel.ledger()).toHaveLength(6);
  });

  it('with a gift that Laravel stumbles over are sent in parts: the others get through, also those that come later', async () => {
    hurry();
    const sender = await enterSender();
    const bad = randomUUID();
    hop.stumblesOver.add(bad);
    const [first] = await Promise.all([give(sender), give(sender, bad)]);
    const others = await Promise.all(Array.from({ length: 20 }, () => give(sender)));
    await expectSettled(sender, [first, ...others]);
    // It has been found, so nobody waits for it any more.
    const failed = (): number =>
      hop.batches.filter(({ gifts }) => gifts.some(({ gift_tx_id: id }) => id === bad)).length;
    await eventually(() => {
      expect(hop.batches.some(({ gifts: [gift, ...more] }) => gift?.gift_tx_id === bad && more.length === 0)).toBe(
        true,
      );
    });
    const failedBefore = failed();
    await expectSettled(sender, [await give(sender), await give(sender)]);
    expect(failed()).toBeLessThanOrEqual(failedBefore + 1);
    expect(await statusOf(sender, bad)).toBe('pending');
    hop.stumblesOver.clear();
    await expectSettled(sender, [bad]);
    expect(server.laravel.ledger()).toHaveLength(24);
  }, 90_000);

  it('of one gift that Laravel refuses do not hold back other senders', async () => {
    hurry();
    const sender = await enterSender();
    const bad = randomUUID();
    server.laravel.unreadable.add(bad);
    await give(sender, bad);
    await eventually(async () => expect(await metric('flylive_gifts_retries_total')).toBeGreaterThan(6), 30_000);
    expect(await metric('flylive_gifts_paused')).toBe(0);
    expect(await statusOf(sender, bad)).toBe('pending');
    // Beside another one it is known to be the gift's fault.
    await expectSettled(sender, [await give(sender)]);
    await eventually(async () => expect(await statusOf(sender, bad)).toBe('underReview'));
  }, 60_000);
});
