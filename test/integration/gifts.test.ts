import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { roomIdSchema, userIdSchema } from '../../src/core/ids.ts';
import { giftShardOf } from '../../src/services/gifts/gift-shards.ts';
import { giftTransactionKey, roomEventsKey } from '../../src/services/redis/keys.ts';
import { refusal, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { followOutcomes } from '../support/outcomes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** 10 coins. */
const rose = '2';

describe('gifts', () => {
  let server: TestServer;
  const ledgerOf = (transactionId: string) =>
    server.laravel.ledger().filter((entry) => entry.gift_tx_id === transactionId);

  const recordOf = ({ user }: TestMember, transactionId: string): string =>
    giftTransactionKey(giftShardOf(userIdSchema.parse(user.id)), transactionId);

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => server.laravel.faults.clear());

  it('are pending at once, shown to the room, then settled: the sender alone hears the new balance', async () => {
    const roomId = addRoom(server);
    const payer = server.laravel.addUser({ name: 'Payer', balance: 100 });
    await using sender = await enter(server, roomId, { user: payer });
    await using recipient = await enter(server, roomId);
    using sent = await follow(sender, 'gift');
    using seen = await follow(recipient, 'gift');
    using told = await followOutcomes(sender);
    using overheard = await followOutcomes(recipient);
    const transactionId = randomUUID();
    const answer = await sender.trpc.gift.send.mutate({
      roomId,
      transactionId,
      giftId: rose,
      recipientId: recipient.user.id,
      quantity: 3,
    });
    expect(answer).toEqual({ transactionId, status: 'pending' });

    const shown = {
      type: 'giftReceived',
      gift: {
        transactionId,
        gift: { id: rose, name: 'Rose', price: 10, icon: '🌹' },
        quantity: 3,
        sender: { id: payer.id, name: 'Payer', avatar: null },
        recipientId: recipient.user.id,
        sentAt: expect.any(Number) as number,
      },
    };
    await eventually(() => expect(told.outcomes).toEqual([{ type: 'giftSettled', transactionId, balance: 70 }]));
    expect(sent.events).toEqual([shown]);
    await sender.trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(seen.events).toEqual([shown]));
    expect(overheard.outcomes).toEqual([]);
    expect(ledgerOf(transactionId)).toMatchObject([
      { status: 'settled', sender_id: payer.id, recipient_id: recipient.user.id, room_id: roomId, coins: 30 },
    ]);
    expect(server.laravel.balance(payer.id)).toBe(70);
    expect(await sender.trpc.gift.status.query({ transactionIds: [transactionId] })).toEqual([
      { transactionId, status: 'settled', balance: 70 },
    ]);
  });

  it('that cannot be paid are rejected, to the sender only, and cost nothing', async () => {
    const roomId = addRoom(server);
    const poor = server.laravel.addUser({ name: 'Poor', balance: 9 });
    await using sender = await enter(server, roomId, { user: poor });
    await using recipient = await enter(server, roomId);
    using seen = await follow(recipient, 'gift');
    using told = await followOutcomes(sender);
    const transactionId = randomUUID();
    await sender.trpc.gift.send.mutate({ roomId, transactionId, giftId: rose, recipientId: recipient.user.id });
    const reason = 'The balance does not cover the gift.';
    const word = { code: 'INSUFFICIENT_BALANCE', reason };
    await eventually(() => expect(told.outcomes).toEqual([{ type: 'giftRejected', transactionId, ...word }]));
    expect(server.laravel.balance(poor.id)).toBe(9);
    expect(server.laravel.balance(recipient.user.id)).toBe(10_000);
    expect(await sender.trpc.gift.status.query({ transactionIds: [transactionId] })).toEqual([
      { transactionId, status: 'rejected', ...word },
    ]);
    // Sent again it stays rejected, also when there is money now.
    expect(
      await sender.trpc.gift.send.mutate({ roomId, transactionId, giftId: rose, recipientId: recipient.user.id }),
    ).toEqual({ transactionId, status: 'rejected' });
    await eventually(() => expect(seen.types()).toEqual(['giftReceived', 'giftWithdrawn']));
    expect(seen.of('giftWithdrawn')).toEqual([{ type: 'giftWithdrawn', transactionId }]);
  });

  it('sent many times with one id are one gift', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    using seen = await follow(recipient, 'gift');
    const gift = { roomId, transactionId: randomUUID(), giftId: rose, recipientId: recipient.user.id };
    await Promise.all(Array.from({ length: 10 }, () => sender.trpc.gift.send.mutate(gift)));
    await eventually(() => expect(ledgerOf(gift.transactionId)).toHaveLength(1));
    await eventually(async () => expect((await sender.trpc.gift.send.mutate(gift)).status).toBe('settled'));
    // The id is one whatever its case.
    const shouted = { ...gift, transactionId: gift.transactionId.toUpperCase() };
    expect(await sender.trpc.gift.send.mutate(shouted)).toEqual({
      transactionId: gift.transactionId,
      status: 'settled',
    });
    expect(seen.types()).toEqual(['giftReceived']);
    expect(server.laravel.balance(sender.user.id)).toBe(9_990);
    // What is kept for a month is enough to tell another gift under the id.
    expect(await refusalOf(sender.trpc.gift.send.mutate({ ...gift, quantity: 2 }))).toBe('GIFT_ID_CONFLICT');
    const record = recordOf(sender, gift.transactionId);
    expect(await server.store.ttl(record)).toBeGreaterThan(29 * 86_400);
    expect(await server.store.hget(record, 'content')).toHaveLength(43);
  });

  it('whose id was used for another gift are refused, whoever used it', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    await using other = await enter(server, roomId);
    const gift = { roomId, transactionId: randomUUID(), giftId: rose, recipientId: recipient.user.id, quantity: 2 };
    await sender.trpc.gift.send.mutate(gift);
    for (const change of [{ quantity: 3 }, { giftId: '1' }, { recipientId: other.user.id }]) {
      expect(await refusalOf(sender.trpc.gift.send.mutate({ ...gift, ...change }))).toBe('GIFT_ID_CONFLICT');
    }
    expect(await refusalOf(other.trpc.gift.send.mutate(gift))).toBe('GIFT_ID_CONFLICT');
    await eventually(() => expect(ledgerOf(gift.transactionId)).toMatchObject([{ quantity: 2, coins: 20 }]));
  });

  it('that make no sense are refused, and nothing is charged', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    await using outsider = await enter(server, addRoom(server));
    const gift = { roomId, transactionId: randomUUID(), giftId: rose, recipientId: recipient.user.id };
    const send = (change: object) => refusalOf(sender.trpc.gift.send.mutate({ ...gift, ...change }));
    expect(await send({ recipientId: sender.user.id })).toBe('GIFT_TO_SELF');
    expect(await send({ recipientId: outsider.user.id })).toBe('RECIPIENT_NOT_IN_ROOM');
    expect(await send({ recipientId: 2 ** 40 })).toBe('RECIPIENT_NOT_IN_ROOM');
    expect(await send({ giftId: '4242' })).toBe('GIFT_NOT_FOUND');
    expect(await send({ giftId: randomUUID() })).toBe('GIFT_NOT_FOUND');
    for (const quantity of [0, -1, 1.5, 10_000, Number.NaN, Infinity])
      expect(await send({ quantity })).toBe('BAD_INPUT');
    for (const transactionId of ['', '1', 'x'.repeat(36)]) expect(await send({ transactionId })).toBe('BAD_INPUT');
    expect(await send({ price: 0 })).toBe('BAD_INPUT');
    expect(await refusalOf(outsider.trpc.gift.send.mutate(gift))).toBe('NOT_IN_ROOM');
    expect(await sender.trpc.gift.status.query({ transactionIds: [gift.transactionId] })).toEqual([
      { transactionId: gift.transactionId, status: 'unknown' },
    ]);
    expect(server.laravel.balance(sender.user.id)).toBe(10_000);
  });

  it("do not show others' status", async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    const transactionId = randomUUID();
    await sender.trpc.gift.send.mutate({ roomId, transactionId, giftId: rose, recipientId: recipient.user.id });
    expect(await recipient.trpc.gift.status.query({ transactionIds: [transactionId] })).toEqual([
      { transactionId, status: 'unknown' },
    ]);
  });

  it('are limited to 30 a minute', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    const send = () =>
      sender.trpc.gift.send.mutate({
        roomId,
        transactionId: randomUUID(),
        giftId: '1',
        recipientId: recipient.user.id,
      });
    await Promise.all(Array.from({ length: 30 }, send));
    const refused = await refusal(send());
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    await eventually(() => expect(server.laravel.balance(sender.user.id)).toBe(10_000 - 30));
  });

  it('wait in the catalogue that Laravel has', async () => {
    await using member = await enter(server, addRoom(server));
    const catalogue = await member.trpc.gift.catalogue.query();
    expect(catalogue).toEqual(server.laravel.gifts);
  });

  it('whose answer from Laravel is lost are charged once', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    using told = await followOutcomes(sender);
    server.laravel.faults.set('/internal/gifts/batch', { loseAnswer: true, times: 2 });
    const transactionId = randomUUID();
    await sender.trpc.gift.send.mutate({ roomId, transactionId, giftId: rose, recipientId: recipient.user.id });
    await eventually(() => expect(told.outcomes).toMatchObject([{ type: 'giftSettled', transactionId }]), 15_000);
    expect(ledgerOf(transactionId)).toHaveLength(1);
    expect(server.laravel.balance(sender.user.id)).toBe(9_990);
  });

  it.each([
    ['leaves some out', { results: [] }],
    ['answers for strangers', { results: [{ gift_tx_id: randomUUID(), status: 'settled' }] }],
    ['answers nonsense', 'nonsense'],
  ])('stay queued while Laravel %s', async (_, body) => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    using told = await followOutcomes(sender);
    server.laravel.faults.set('/internal/gifts/batch', { body, times: 1 });
    const transactionId = randomUUID();
    await sender.trpc.gift.send.mutate({ roomId, transactionId, giftId: rose, recipientId: recipient.user.id });
    await eventually(() => expect(told.outcomes).toMatchObject([{ type: 'giftSettled', transactionId }]), 15_000);
    expect(ledgerOf(transactionId)).toHaveLength(1);
  });

  it('that the room has not seen, since a node died, are shown when they are sent again, or else when they are settled', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId);
    await using recipient = await enter(server, roomId);
    using seen = await follow(recipient, 'gift');
    using told = await followOutcomes(sender);
    server.laravel.faults.set('/internal/gifts/batch', { down: true });
    const gift = { roomId, transactionId: randomUUID(), giftId: rose, recipientId: recipient.user.id };
    await sender.trpc.gift.send.mutate(gift);
    await eventually(() => expect(seen.types()).toHaveLength(1));
    // Sent again when it was seen, it is not shown again.
    await sender.trpc.gift.send.mutate(gift);
    const forgetShown = () => server.store.hdel(recordOf(sender, gift.transactionId), 'shown');
    await forgetShown();
    await sender.trpc.gift.send.mutate(gift);
    await eventually(() => expect(seen.types()).toHaveLength(2));
    await forgetShown();
    server.laravel.faults.clear();
    await eventually(() => expect(told.outcomes).toHaveLength(1), 15_000);
    await eventually(() => expect(seen.types()).toHaveLength(3));
    expect(seen.of('giftReceived').map((event) => event)).toEqual(Array(3).fill(seen.events[0]));
  });

  it('that could not be withdrawn yet are not decided yet', async () => {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId, { user: server.laravel.addUser({ name: 'Poor', balance: 0 }) });
    await using recipient = await enter(server, roomId);
    using seen = await follow(recipient, 'gift');
    using told = await followOutcomes(sender);
    server.laravel.faults.set('/internal/gifts/batch', { delayMs: 500, times: 1 });
    const gift = { roomId, transactionId: randomUUID(), giftId: rose, recipientId: recipient.user.id };
    await sender.trpc.gift.send.mutate(gift);
    await eventually(() => expect(seen.types()).toEqual(['giftReceived']));
    // The room's log takes nothing for a while.
    const log = roomEventsKey(roomIdSchema.parse(roomId));
    await server.store.rename(log, 'put-away');
    await server.store.set(log, 'in the way');
    await eventually(() => expect(ledgerOf(gift.transactionId)).toHaveLength(1));
    await eventually(async () => {
      expect(await server.store.hget(recordOf(sender, gift.transactionId), 'withdrawn')).toBe('1');
    });
    expect(await sender.trpc.gift.status.query({ transactionIds: [gift.transactionId] })).toMatchObject([
      { status: 'pending' },
    ]);
    expect(told.outcomes).toEqual([]);
    await server.store.rename('put-away', log);
    await eventually(() => expect(told.outcomes).toMatchObject([{ type: 'giftRejected' }]), 15_000);
    await eventually(() => expect(seen.types()).toEqual(['giftReceived', 'giftWithdrawn']));
  });

  it('whose acceptance is not answered by Redis are one gift when they are sent again, shown once', async () => {
    let lost = 0;
    await using own = await startTestServer({
      wrapGiftQueue: (queue) => {
        const enqueue = queue.enqueue.bind(queue);
        queue.enqueue = async (...args) => {
          const reply = await enqueue(...args);
          lost += 1;
          if (lost === 1) throw new Error('Command timed out');
          return reply;
        };
        return queue;
      },
    });
    const roomId = addRoom(own);
    await using sender = await enter(own, roomId);
    await using recipient = await enter(own, roomId);
    using seen = await follow(recipient, 'gift');
    own.laravel.faults.set('/internal/gifts/batch', { down: true });
    const gift = { roomId, transactionId: randomUUID(), giftId: rose, recipientId: recipient.user.id };
    expect(await refusalOf(sender.trpc.gift.send.mutate(gift))).toBe('SERVICE_UNAVAILABLE');
    expect(seen.types()).toEqual([]);
    expect(await sender.trpc.gift.send.mutate(gift)).toMatchObject({ status: 'pending' });
    await eventually(() => expect(seen.types()).toEqual(['giftReceived']));
    own.laravel.faults.clear();
    await eventually(() => expect(own.laravel.balance(sender.user.id)).toBe(9_990), 15_000);
    expect([lost, own.laravel.ledger().length, seen.types().length]).toEqual([1, 1, 1]);
  });
});
