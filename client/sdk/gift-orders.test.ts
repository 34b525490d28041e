import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Api } from './api.ts';
import type { FlyLiveCode } from './errors.ts';
import { FlyLiveError, GiftError, localError, toFlyLiveError } from './errors.ts';
import type { GiftStorage, SentOrder } from './gift-journal.ts';
import { GiftJournal } from './gift-journal.ts';
import { GiftOrders } from './gift-orders.ts';
import { silentLogger } from './logger.ts';

const minute = 60_000;

/** A server that charges an id once, and whose answers can be lost, late or refusals. */
function createServer() {
  const charged = new Map<string, { status: string; balance?: number }>();
  const tries: string[] = [];
  /** What happens to the next tries; those after them go well while the server can be reached. */
  const fates: ('lost after' | FlyLiveCode)[] = [];
  const state = { isReachable: true, answersAfter: Promise.resolve(), onCharged: (_id: string): void => undefined };
  const reach = (): void => {
    if (!state.isReachable) throw localError('CONNECTION_LOST');
  };
  const take = async (transactionId: string) => {
    tries.push(transactionId);
    const fate = fates.shift();
    if (fate === undefined) reach();
    else if (fate !== 'lost after') {
      throw new FlyLiveError(fate, { message: fate, retryable: fate.endsWith('UNAVAILABLE') });
    }
    await state.answersAfter;
    if (!charged.has(transactionId)) charged.set(transactionId, { status: 'pending' });
    state.onCharged(transactionId);
    if (fate === 'lost after') throw localError('TIMED_OUT');
    return { transactionId, status: charged.get(transactionId)!.status };
  };
  const api = {
    gift: {
      send: { mutate: ({ transactionId }: { transactionId: string }) => take(transactionId) },
      sendToMany: {
        mutate: ({ recipients }: { recipients: { transactionId: string }[] }) =>
          Promise.all(recipients.map(({ transactionId }) => take(transactionId))),
      },
      status: {
        query: async ({ transactionIds }: { transactionIds: string[] }) => {
          reach();
          return transactionIds.map((transactionId) => ({
            transactionId,
            ...(charged.get(transactionId) ?? { status: 'unknown' }),
          }));
        },
      },
    },
  };
  return { api: api as unknown as Api, charged, tries, fates, state };
}

function createStorage(): GiftStorage & { readonly items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

describe('orders of gifts', () => {
  let server: ReturnType<typeof createServer>;
  let storage: ReturnType<typeof createStorage>;
  let open: GiftOrders[];

  beforeEach(() => {
    vi.useFakeTimers();
    server = createServer();
    storage = createStorage();
    open = [];
  });
  afterEach(() => {
    open.forEach((orders) => orders.stop());
    vi.useRealTimers();
  });

  /** A page in a room. @param mostTries - how often a call is repeated before it is given up */
  function openPage({ roomId = '1', mostTries = 2 } = {}) {
    const journal = new GiftJournal(7, storage, silentLogger);
    const retry = async <T>(run: (api: Api) => Promise<T>): Promise<T> => {
      for (let left = mostTries; ; left -= 1) {
        try {
          return await run(server.api);
        } catch (thrown) {
          if (left === 1 || !toFlyLiveError(thrown).retryable) throw thrown;
        }
      }
    };
    const orders = new GiftOrders({ roomId, retry }, journal, silentLogger);
    const told: unknown[] = [];
    orders.on('unanswered', () => told.push('unanswered'));
    orders.on('found', ({ status }) => told.push(status));
    orders.on('unsent', (_, code) => told.push(code));
    open.push(orders);
    return { orders, told };
  }

  function order(change: Partial<SentOrder> = {}): SentOrder {
    const recipients = [{ transactionId: uuidv7(), recipientId: 2 }];
    return {
      roomId: '1',
      giftId: '2',
      quantity: 1,
      batchId: null,
      recipients,
      orderedAt: Date.now(),
      triedAt: null,
      ...change,
    };
  }

  /** Sends, and gives up while the server cannot be reached. @param fate - of the first try */
  async function giveUp(orders: GiftOrders, sent = order(), ...fate: 'lost after'[]): Promise<GiftError> {
    server.state.isReachable = false;
    server.fates.push(...fate);
    const error: unknown = await orders.send(sent, true).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GiftError);
    return error as GiftError;
  }

  it('are answered and forgotten', async () => {
    const { orders, told } = openPage();
    await expect(orders.send(order(), true)).resolves.toMatchObject([{ status: 'pending' }]);
    await vi.advanceTimersByTimeAsync(minute);
    expect(storage.items.size).toBe(0);
    expect(told).toEqual([]);
  });

  it('go out under the same id when they are repeated', async () => {
    const { orders } = openPage();
    server.fates.push('lost after');
    await orders.send(order(), true);
    expect(server.tries).toHaveLength(2);
    expect(server.charged.size).toBe(1);
  });

  it('name their id when they are given up, and what became of them is told once', async () => {
    const { orders, told } = openPage();
    const sent = order();
    const error = await giveUp(orders, sent, 'lost after');
    expect(error).toMatchObject({ code: 'GIFT_UNANSWERED', transactionId: sent.recipients[0]!.transactionId });
    await vi.advanceTimersByTimeAsync(minute);
    expect(told).toEqual([]);
    server.state.isReachable = true;
    await vi.advanceTimersByTimeAsync(minute);
    expect(told).toEqual(['pending']);
    expect(server.charged.size).toBe(1);
    expect(storage.items.size).toBe(0);
  });

  it('that are pressed again while unanswered are charged once', async () => {
    const { orders } = openPage();
    await giveUp(orders, order(), 'lost after');
    await giveUp(orders);
    server.state.isReachable = true;
    await orders.send(order(), true);
    expect(server.charged.size).toBe(1);
    // An answered one is no obstacle to another.
    await orders.send(order(), true);
    expect(server.charged.size).toBe(2);
  });

  it('that are pressed twice at once are two, and the third press is an earlier one whose answer is overdue', async () => {
    const { orders, told } = openPage();
    const answer = Promise.withResolvers<void>();
    server.state.answersAfter = answer.promise;
    const sent = [orders.send(order(), true), orders.send(order(), true)];
    await vi.advanceTimersByTimeAsync(3_500);
    expect(told).toEqual(['unanswered', 'unanswered']);
    sent.push(orders.send(order(), true));
    answer.resolve();
    await Promise.all(sent);
    expect(server.charged.size).toBe(2);
  });

  it('outlive the page, and the next one tells what became of them', async () => {
    const { orders } = openPage();
    const error = await giveUp(orders, order(), 'lost after');
    orders.stop();
    server.state.isReachable = true;
    server.charged.set(error.transactionId!, { status: 'settled', balance: 90 });
    const next = openPage({ roomId: 'another' });
    next.orders.start();
    await vi.advanceTimersByTimeAsync(1);
    expect(next.told).toEqual(['settled']);
    expect(server.charged.size).toBe(1);
    expect(storage.items.size).toBe(0);
  });

  it('that never arrived are sent again under their id by the next page in the same room', async () => {
    const { orders } = openPage();
    const error = await giveUp(orders);
    orders.stop();
    server.state.isReachable = true;
    const next = openPage();
    next.orders.start();
    await vi.advanceTimersByTimeAsync(1);
    expect(next.told).toEqual(['pending']);
    expect([...server.charged.keys()]).toEqual([error.transactionId]);
  });

  it('that never arrived are told to be unsent from another room, once no try can be at work any more', async () => {
    const { orders } = openPage();
    await giveUp(orders);
    orders.stop();
    server.state.isReachable = true;
    const next = openPage({ roomId: 'another' });
    next.orders.start();
    await vi.advanceTimersByTimeAsync(minute / 2);
    expect(next.told).toEqual([]);
    await vi.advanceTimersByTimeAsync(minute);
    expect(next.told).toEqual(['GIFT_NOT_SENT']);
    expect(server.charged.size).toBe(0);
    expect(storage.items.size).toBe(0);
  });

  it('that are too old to be wanted are not sent any more', async () => {
    const { orders } = openPage();
    await giveUp(orders);
    orders.stop();
    await vi.advanceTimersByTimeAsync(11 * minute);
    server.state.isReachable = true;
    const next = openPage();
    next.orders.start();
    await vi.advanceTimersByTimeAsync(1);
    expect(next.told).toEqual(['GIFT_NOT_SENT']);
    expect(server.charged.size).toBe(0);
  });

  it('that are refused at once are over', async () => {
    const { orders, told } = openPage();
    server.fates.push('RECIPIENT_NOT_IN_ROOM');
    await expect(orders.send(order(), true)).rejects.toMatchObject({ code: 'RECIPIENT_NOT_IN_ROOM' });
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect(storage.items.size).toBe(0);
    expect(told).toEqual([]);
  });

  it('that are refused while an earlier try may be at work are in doubt until it cannot be any more', async () => {
    const { orders, told } = openPage();
    await giveUp(orders);
    server.state.isReachable = true;
    server.fates.push(...Array.from({ length: 500 }, () => 'RECIPIENT_NOT_IN_ROOM' as const));
    await vi.advanceTimersByTimeAsync(minute / 2);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(minute);
    expect(told).toEqual(['RECIPIENT_NOT_IN_ROOM']);
  });

  it('that the replicas have not confirmed may be charged, so they are in doubt', async () => {
    const { orders, told } = openPage();
    server.fates.push('SERVICE_UNAVAILABLE', 'SERVICE_UNAVAILABLE');
    await expect(orders.send(order(), true)).rejects.toMatchObject({ code: 'GIFT_UNANSWERED' });
    await vi.advanceTimersByTimeAsync(1);
    expect(told).toEqual(['pending']);
  });

  it('that the room or the outcome tells of are answered by that', async () => {
    const { orders, told } = openPage();
    server.state.onCharged = (transactionId) => orders.settle(transactionId);
    server.state.isReachable = false;
    server.fates.push('lost after');
    await expect(orders.send(order(), true)).resolves.toMatchObject([{ status: 'pending' }]);
    await vi.advanceTimersByTimeAsync(minute);
    expect(told).toEqual([]);
    expect(storage.items.size).toBe(0);
  });

  it('keep an id that the caller insists on, for that gift alone', async () => {
    const { orders } = openPage();
    const error = await giveUp(orders, order(), 'lost after');
    const insisted = order({ recipients: [{ transactionId: error.transactionId!, recipientId: 2 }] });
    await expect(orders.send({ ...insisted, quantity: 5 }, false)).rejects.toMatchObject({ code: 'GIFT_ID_CONFLICT' });
    server.fates.push('lost after');
    await expect(orders.send(insisted, false)).rejects.toMatchObject({ transactionId: error.transactionId });
    expect(server.charged.size).toBe(1);
    // And can be two, when that is what the caller says.
    server.state.isReachable = true;
    await orders.send(order(), false);
    expect(server.charged.size).toBe(2);
  });

  it('for several members are told of gift by gift', async () => {
    const { orders, told } = openPage();
    const recipients = [2, 3].map((recipientId) => ({ transactionId: uuidv7(), recipientId }));
    const batch = order({ batchId: uuidv7(), recipients });
    const error = await giveUp(orders, batch, 'lost after');
    expect(error).toMatchObject({ transactionId: null, batchId: batch.batchId });
    server.state.isReachable = true;
    await vi.advanceTimersByTimeAsync(minute);
    expect(told).toEqual(['pending', 'pending']);
    expect(server.charged.size).toBe(2);
    expect(storage.items.size).toBe(0);
  });

  it('begin anew when the storage holds something else, or cannot be used', async () => {
    storage.items.set('flylive.gifts.7', '[{"roomId":1}]');
    const { orders } = openPage();
    orders.start();
    await orders.send(order(), true);
    storage.items.set('flylive.gifts.7', 'no JSON');
    await openPage().orders.send(order(), true);
    storage.setItem = () => {
      throw new Error('full');
    };
    await openPage().orders.send(order(), true);
    expect(server.charged.size).toBe(3);
  });
});
