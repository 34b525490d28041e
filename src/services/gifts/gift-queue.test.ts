import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { userId } from '../../../test/support/media.ts';
import { type ModuleRedis, startModuleRedis } from '../../../test/support/module-redis.ts';
import { giftIdSchema, giftTransactionIdSchema, roomIdSchema } from '../../core/ids.ts';
import { Scripts } from '../redis/scripts.ts';
import type { GiftContent } from './gift-content.ts';
import { type Claim, GiftQueue } from './gift-queue.ts';
import { giftShardOf } from './gift-shards.ts';

const senderId = userId(8);
const shard = giftShardOf(senderId);
const most = 3;

let server: ModuleRedis;
let queue: GiftQueue;
let another: GiftQueue;
let sent: string[];

beforeAll(async () => {
  server = await startModuleRedis();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  const redis = await server.connect('commands');
  await redis.flushall();
  queue = new GiftQueue(redis, new Scripts(redis, 100), 'one');
  another = new GiftQueue(redis, new Scripts(redis, 100), 'other');
  sent = [];
});
afterEach(() => server.disconnectAll());

async function send(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const content: GiftContent = {
      transactionId: giftTransactionIdSchema.parse(randomUUID()),
      giftId: giftIdSchema.parse('1'),
      senderId,
      recipientId: userId(9),
      roomId: roomIdSchema.parse('1'),
      quantity: 1,
      batchId: null,
    };
    await queue.enqueue(content, '"gift":"1"');
    sent.push(content.transactionId);
  }
}

/** Places of the claimed gifts in the order in which they were sent. */
function places(claim: Claim | null): number[] {
  return (claim?.gifts ?? expect.unreachable()).map(({ order }) => sent.indexOf(order.transactionId));
}

async function settle({ gifts }: Claim): Promise<void> {
  const decided = gifts.map((gift) => ({
    gift,
    outcome: { type: 'giftSettled' as const, transactionId: gift.order.transactionId, balance: 1 },
  }));
  await queue.finish(shard, decided);
}

describe('claims of gifts', () => {
  it('are for one node at a time', async () => {
    await send(2);
    expect(places(await queue.claim(shard, null, most))).toEqual([0, 1]);
    expect(await another.claim(shard, null, most)).toBeNull();
    expect(await another.renew(shard)).toBe(false);
    await another.release(shard);
    expect(await queue.renew(shard)).toBe(true);
    await queue.release(shard);
    expect(places(await another.claim(shard, null, most))).toEqual([0, 1]);
  });

  it('leave undecided gifts alone for a moment, and go on with new ones', async () => {
    await send(2);
    const first = await queue.claim(shard, null, most);
    await send(2);
    expect(places(await queue.claim(shard, first?.progress ?? null, most))).toEqual([2, 3]);
  });

  it('begin with what was claimed and not heard of, before anything newer', async () => {
    await send(2);
    const heard = await queue.claim(shard, null, most);
    await settle(heard ?? expect.unreachable());
    await send(2);
    // Redis did it, and the answer was lost.
    await queue.claim(shard, heard?.progress ?? null, most);
    await send(1);
    expect(places(await queue.claim(shard, heard?.progress ?? null, most))).toEqual([2, 3, 4]);
  });

  it('end a pass over what was claimed before anything newer, however lately it was claimed', async () => {
    await send(5);
    const first = await queue.claim(shard, null, most);
    await queue.claim(shard, first?.progress ?? null, most);
    await send(1);
    const again = await queue.claim(shard, null, most);
    expect(places(again)).toEqual([0, 1, 2]);
    const rest = await queue.claim(shard, again?.progress ?? null, most);
    expect(places(rest)).toEqual([3, 4, 5]);
  });

  it('give an empty shard back', async () => {
    expect(await queue.claim(shard, null, most)).toMatchObject({ gifts: [], backlog: 0 });
    await send(1);
    expect(places(await another.claim(shard, null, most))).toEqual([0]);
  });
});
