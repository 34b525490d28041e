import { beforeEach, describe, expect, it } from 'vitest';
import type { GiftEvent, GiftOutcome } from '../../src/core/events.ts';
import type { Api } from './api.ts';
import { localError } from './errors.ts';
import { GiftJournal } from './gift-journal.ts';
import { silentLogger } from './logger.ts';
import { RecentIds } from './recent-ids.ts';
import { RoomGifts } from './room-gifts.ts';

const transactionId = '0197a3c4-5e6f-7b28-9d0e-1f2a3b4c5d6e';
const received = { type: 'giftReceived', gift: { transactionId } } as GiftEvent;
const withdrawn = { type: 'giftWithdrawn', transactionId } as GiftEvent;
const settled: GiftOutcome = {
  type: 'giftSettled',
  transactionId: transactionId as GiftOutcome['transactionId'],
  balance: 90,
};

describe('the gifts of a room', () => {
  let gifts: RoomGifts;
  let told: unknown[];
  let calls: { readonly name: string; readonly input: unknown }[];
  let status: unknown;

  beforeEach(() => {
    calls = [];
    status = { transactionId, status: 'unknown' };
    const note = (name: string, answer?: unknown) => ({
      mutate: (input: unknown) => {
        calls.push({ name, input });
        return answer === undefined ? Promise.reject(localError('TIMED_OUT')) : Promise.resolve(answer);
      },
    });
    const api = {
      gift: {
        send: note('send'),
        sendToMany: note('sendToMany', []),
        acknowledge: note('acknowledge', null),
        status: { query: () => Promise.resolve([status]) },
      },
    } as unknown as Api;
    const storage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
    const membership = { roomId: '1', retry: <T>(run: (api: Api) => Promise<T>) => run(api) };
    gifts = new RoomGifts(membership, new GiftJournal(7, storage, silentLogger), silentLogger);
    told = [];
    gifts.on('received', (gift) => told.push(['received', gift.transactionId]));
    gifts.on('withdrawn', (id) => told.push(['withdrawn', id]));
    gifts.on('sent', (id) => told.push(['sent', id]));
    gifts.on('settled', (outcome) => told.push(['settled', outcome]));
    gifts.on('rejected', (rejection) => told.push(['rejected', rejection]));
  });

  it('are told once, though events come twice', () => {
    for (const event of [received, received, withdrawn, received, withdrawn]) gifts.receive(event);
    expect(told).toEqual([
      ['received', transactionId],
      ['withdrawn', transactionId],
    ]);
  });

  it('are told of once at the end, and the second word is acknowledged like the first', async () => {
    gifts.receiveOutcome(settled, '1-0');
    gifts.receiveOutcome({ ...settled, balance: 80 }, '2-0');
    gifts.receiveOutcome({ type: 'giftRejected', transactionId: settled.transactionId, code: 'X', reason: '' }, '3-0');
    expect(told).toEqual([['settled', { transactionId, balance: 90 }]]);
    await expect.poll(() => calls.at(-1)).toEqual({ name: 'acknowledge', input: { eventId: '3-0' } });
  });

  it('are told of once, when the status of an unanswered one comes before its outcome', async () => {
    status = { transactionId, status: 'settled', balance: 90 };
    await expect(gifts.send({ giftId: '1', recipientId: 2, transactionId })).rejects.toMatchObject({ transactionId });
    await expect.poll(() => told).toEqual([['settled', { transactionId, balance: 90 }]]);
    gifts.receiveOutcome(settled, '1-0');
    expect(told).toHaveLength(1);
  });

  it('to several members have the same ids when they are sent under the same batch id', async () => {
    const order = { giftId: '1', recipientIds: [2, 3], batchId: transactionId };
    await gifts.sendToMany(order);
    await gifts.sendToMany(order);
    const { batchId: _, ...another } = order;
    await gifts.sendToMany(another);
    const ids = calls.map(({ input }) =>
      (input as { recipients: { transactionId: string }[] }).recipients.map((recipient) => recipient.transactionId),
    );
    expect(ids[1]).toEqual(ids[0]);
    expect(new Set(ids.flat()).size).toBe(4);
  });
});

describe('recent ids', () => {
  it('are known until so many newer ones came', () => {
    const ids = new RecentIds(2);
    expect(['a', 'b', 'a', 'c', 'b', 'a'].map((id) => ids.add(id))).toEqual([true, true, false, true, false, true]);
  });
});
