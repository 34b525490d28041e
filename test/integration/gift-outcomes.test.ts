import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { userIdSchema } from '../../src/core/ids.ts';
import { giftShardOf } from '../../src/services/gifts/gift-shards.ts';
import { giftOutcomesKey } from '../../src/services/redis/keys.ts';
import { connect } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { followOutcomes } from '../support/outcomes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const batch = '/internal/gifts/batch';
/** Longer than two flushes: what would be said twice, would have been by now. */
const quietMs = 1_500;

describe('the final word on a gift', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => server.laravel.faults.clear());

  async function give(sender: TestMember, recipient: TestMember): Promise<string> {
    const transactionId = randomUUID();
    const gift = { roomId: sender.roomId, transactionId, giftId: '1', recipientId: recipient.user.id };
    await sender.trpc.gift.send.mutate(gift);
    return transactionId;
  }

  it('finds the sender in another room, on another connection and another node, once', async () => {
    const other = await server.startAnother();
    const [first, second] = [addRoom(server), addRoom(server)];
    await using recipient = await enter(server, first);
    server.laravel.faults.set(batch, { down: true });
    let transactionId: string;
    const { user } = await (async () => {
      await using sender = await enter(server, first);
      transactionId = await give(sender, recipient);
      await sender.trpc.room.leave.mutate({ roomId: first });
      return sender;
    })();
    await using elsewhere = await enter(server, second, { user, url: other.url });
    using told = await followOutcomes(elsewhere);
    server.laravel.faults.clear();
    const word = { type: 'giftSettled', transactionId: transactionId!, balance: 9_999 };
    await eventually(() => expect(told.outcomes).toEqual([word]), 15_000);
    await sleep(quietMs);
    expect(told.outcomes).toEqual([word]);
  });

  it('waits for a sender who is nowhere, in no room', async () => {
    const roomId = addRoom(server);
    await using recipient = await enter(server, roomId);
    const sender = await enter(server, roomId);
    server.laravel.faults.set(batch, { down: true, times: 1 });
    const transactionId = await give(sender, recipient);
    sender.client.cut();
    await eventually(() => {
      expect(server.laravel.ledger().some((entry) => entry.gift_tx_id === transactionId)).toBe(true);
    }, 15_000);
    await using back = connect(server.url, sender.user.token);
    using told = await followOutcomes(back);
    await eventually(() => expect(told.outcomes).toEqual([{ type: 'giftSettled', transactionId, balance: 9_999 }]));
  });

  it('is not said again to a connection that resumes after it, nor to any once it is acknowledged', async () => {
    const roomId = addRoom(server);
    await using recipient = await enter(server, roomId);
    await using sender = await enter(server, roomId);
    const transactionId = await give(sender, recipient);
    const first = await followOutcomes(sender);
    await eventually(() => expect(first.outcomes).toHaveLength(1));
    const { cursor } = first;
    first[Symbol.dispose]();
    await using again = connect(server.url, sender.user.token);
    using resumed = await followOutcomes(again, cursor);
    using unaware = await followOutcomes(again);
    await eventually(() => expect(unaware.outcomes).toMatchObject([{ transactionId }]));
    await again.trpc.gift.acknowledge.mutate({ eventId: cursor });
    // An older position does not take it back.
    await again.trpc.gift.acknowledge.mutate({ eventId: '1-0' });
    using aware = await followOutcomes(again);
    const later = await give(sender, recipient);
    for (const follower of [resumed, aware]) {
      await eventually(() => expect(follower.outcomes.map((word) => word.transactionId)).toEqual([later]));
    }
    expect(unaware.outcomes.map((word) => word.transactionId)).toEqual([transactionId, later]);
  });

  /** Puts a word into a mailbox without announcing it. @param at - when, ms; now by default */
  async function putWord({ user }: TestMember, at?: number): Promise<object> {
    const word = { type: 'giftSettled', transactionId: randomUUID(), balance: 1 };
    const senderId = userIdSchema.parse(user.id);
    const mailbox = giftOutcomesKey(giftShardOf(senderId), senderId);
    await server.store.xadd(mailbox, at === undefined ? '*' : `${at}-0`, 'outcome', JSON.stringify(word));
    return word;
  }

  it('outlives a loss of Redis that hides its announcement', async () => {
    await using sender = await enter(server, addRoom(server));
    using told = await followOutcomes(sender);
    const word = await putWord(sender);
    await sleep(quietMs);
    expect(told.outcomes).toEqual([]);
    await server.store.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await eventually(() => expect(told.outcomes).toEqual([word]), 15_000);
  });

  it('is not said again after a week to whoever heard it, when the note of that has expired', async () => {
    await using sender = await enter(server, addRoom(server));
    await putWord(sender, Date.now() - 8 * 86_400_000);
    const recent = await putWord(sender, Date.now() - 6 * 86_400_000);
    using told = await followOutcomes(sender);
    await eventually(() => expect(told.outcomes).not.toEqual([]));
    expect(told.outcomes).toEqual([recent]);
  });
});

describe('one send to several members', () => {
  it('is one gift each, accepted or refused for itself, under one batch id and one place in the rate limit', async () => {
    await using server = await startTestServer({ env: { RATE_LIMIT_GIFTS_PER_MINUTE: '1' } });
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using first = await enter(server, roomId);
    await using second = await enter(server, roomId);
    using seen = await follow(first, 'gift');
    using told = await followOutcomes(sender);
    const batchId = randomUUID();
    const recipients = [first.user.id, 999_999, second.user.id, sender.user.id].map((recipientId) => {
      return { recipientId, transactionId: randomUUID() };
    });
    const send = () => sender.trpc.gift.sendToMany.mutate({ roomId, batchId, giftId: '1', quantity: 2, recipients });
    const accepted = { status: 'pending' };
    expect(await send()).toMatchObject([
      accepted,
      { refused: 'RECIPIENT_NOT_IN_ROOM' },
      accepted,
      { refused: 'GIFT_TO_SELF' },
    ]);
    await eventually(() => expect(told.outcomes).toHaveLength(2));
    const ids = [recipients[0]!.transactionId, recipients[2]!.transactionId];
    expect(told.outcomes.map(({ transactionId }) => transactionId).sort()).toEqual(ids.toSorted());
    expect(seen.of('giftReceived').map(({ gift }) => gift.batchId)).toEqual([batchId, batchId]);
    expect(server.laravel.ledger()).toMatchObject(ids.map(() => ({ batch_id: batchId, coins: 2 })));
    expect(server.laravel.balance(sender.user.id)).toBe(10_000 - 4);
  });
});
