import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type GiftOrder, type GiftResult, LaravelRefusedError, LaravelUnavailableError } from '../laravel.ts';
import { sendBatch } from './gift-batch.ts';
import type { QueuedGift } from './gift-content.ts';

const gifts = Array.from({ length: 100 }, (_, index): QueuedGift => {
  const order = { transactionId: String(index), senderId: index } as unknown as QueuedGift['order'];
  return { entryId: `${index}-0`, order, event: '', shown: true };
});
const settled = ({ transactionId }: GiftOrder): GiftResult => {
  return { transactionId, status: 'settled', code: null, reason: null, senderBalance: 1 };
};
const options = { goesOn: () => Promise.resolve(true) };

/** A back end that refuses batches with certain gifts in them. */
function refusing(bad: readonly string[], status = 422) {
  const batches: string[][] = [];
  return {
    batches,
    settleGifts: async (orders: readonly GiftOrder[]) => {
      batches.push(orders.map(({ transactionId }) => transactionId));
      if (orders.some(({ transactionId }) => bad.includes(transactionId))) throw new LaravelRefusedError(status, 'no');
      return orders.map(settled);
    },
  };
}

describe('a batch that is refused as a whole', () => {
  it.each([413, 422])(
    'is halved until what is refused (%i) stands alone; the others are settled in order',
    async (status) => {
      const ledger = refusing(['17', '80'], status);
      const { results, refused, failure } = await sendBatch(ledger, gifts, options);
      expect(failure).toBeNull();
      expect(refused.map(({ order }) => order.transactionId)).toEqual(['17', '80']);
      expect([...results.keys()]).toEqual(
        gifts.flatMap(({ order: { transactionId } }) => {
          return ['17', '80'].includes(transactionId) ? [] : [transactionId];
        }),
      );
      expect(ledger.batches.length).toBeLessThan(32);
    },
  );

  it('gift by gift, is a fault of the back end: nothing is put aside', async () => {
    const few = gifts.slice(0, 4);
    const { results, refused, failure } = await sendBatch(refusing(['0', '1', '2', '3']), few, options);
    expect([results.size, refused.length, failure?.kind]).toEqual([0, 0, 'refused']);
  });

  it('is left alone once it is another node’s business', async () => {
    const ledger = refusing(['0']);
    const { failure } = await sendBatch(ledger, gifts, { goesOn: () => Promise.resolve(false) });
    expect(failure?.kind).toBe('unknown');
    expect(ledger.batches).toHaveLength(1);
  });
});

describe('a batch without a clear answer', () => {
  it.each([
    [new LaravelUnavailableError('slow', { retryAfterMs: 3_000 }), 'unknown', 3_000],
    [new LaravelRefusedError(200, 'another shape'), 'unknown', 0],
    [new LaravelRefusedError(404, 'not found'), 'unknown', 0],
    [new LaravelRefusedError(401, 'who?'), 'denied', 0],
    [new LaravelRefusedError(403, 'no'), 'denied', 0],
  ])('(%s) is undecided: %s', async (error, kind, retryAfterMs) => {
    const ledger = { settleGifts: () => Promise.reject(error) };
    const verdict = await sendBatch(ledger, gifts, options);
    expect(verdict).toMatchObject({ refused: [], failure: { kind, retryAfterMs } });
    expect(verdict.results.size).toBe(0);
  });

  it('keeps what a half of it was answered with before', async () => {
    const ledger = refusing(['99']);
    let calls = 0;
    const { results, refused, failure } = await sendBatch(
      {
        settleGifts: (orders) => {
          calls += 1;
          return calls === 3 ? Promise.reject(new LaravelUnavailableError('gone')) : ledger.settleGifts(orders);
        },
      },
      gifts,
      options,
    );
    expect([results.size, refused.length, failure?.kind]).toEqual([50, 0, 'unknown']);
  });
});

describe('a batch that is sent in parts', () => {
  /** A back end that does not answer batches with certain gifts in them. */
  function stumbling(bad: readonly string[]) {
    const batches: string[][] = [];
    return {
      batches,
      settleGifts: async (orders: readonly GiftOrder[]) => {
        batches.push(orders.map(({ transactionId }) => transactionId));
        if (orders.some(({ transactionId }) => bad.includes(transactionId))) throw new LaravelUnavailableError('500');
        return orders.map(settled);
      },
    };
  }
  const inParts = { ...options, inParts: 'inOrder' } as const;
  const send = (ledger: ReturnType<typeof stumbling>) => sendBatch(ledger, gifts, inParts);
  const idsOf = (queued: readonly QueuedGift[]) => queued.map(({ order }) => order.transactionId);

  beforeEach(() => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each([[['17']], [['0']], [['99']], [['3', '4', '80']]])(
    'gets all answered but what is not (%j), in few requests',
    async (bad) => {
      const ledger = stumbling(bad);
      const { results, unanswered, refused, failure } = await send(ledger);
      expect([idsOf(unanswered), refused, failure]).toEqual([bad, [], null]);
      expect(results.size).toBe(100 - bad.length);
      expect(ledger.batches[0]).toEqual(['50']);
      expect(ledger.batches.length).toBeLessThanOrEqual(16 * bad.length);
    },
  );

  it('sends ahead what is the first of its sender, unless there is one sender and order is no object', async () => {
    const gifts = Array.from({ length: 10 }, (_, index) => index);
    const from = (sender: (index: number) => number) =>
      gifts.map((index): QueuedGift => {
        const order = { transactionId: String(index), senderId: sender(index) } as unknown as QueuedGift['order'];
        return { entryId: `${index}-0`, order, event: '', shown: true };
      });
    const aheadOf = async (queued: readonly QueuedGift[], inParts: 'inOrder' | 'anyOrder') => {
      const ledger = stumbling([]);
      await sendBatch(ledger, queued, { ...options, inParts });
      return ledger.batches[0];
    };
    expect(
      await aheadOf(
        from((index) => index % 2),
        'anyOrder',
      ),
    ).toEqual(['1']);
    expect(
      await aheadOf(
        from(() => 1),
        'inOrder',
      ),
    ).toEqual(['0']);
    expect(
      await aheadOf(
        from(() => 1),
        'anyOrder',
      ),
    ).toEqual(['5']);
  });

  it('costs one request while the back end is away', async () => {
    const ledger = stumbling(idsOf(gifts));
    const { results, unanswered, failure } = await send(ledger);
    expect([results.size, unanswered, failure?.kind]).toEqual([0, [], 'unknown']);
    expect(ledger.batches).toHaveLength(1);
  });

  it('costs few requests when the back end goes away after the first', async () => {
    const ledger = stumbling(idsOf(gifts).filter((id) => id !== '50'));
    const { results, failure } = await send(ledger);
    expect([results.size, failure?.kind]).toEqual([1, 'unknown']);
    expect(ledger.batches.length).toBeLessThan(20);
  });
});
