import type { Redis } from 'ioredis';
import type { GiftTransactionId } from '../../core/ids.ts';
import { giftTransactionKey, pendingGiftsKey, reviewGiftsKey } from '../redis/keys.ts';
import type { Scripts } from '../redis/scripts.ts';
import { type GiftContent, readContent } from './gift-content.ts';
import { giftConsumerGroup } from './gift-queue.ts';
import { giftShards } from './gift-shards.ts';

/** How full the queue is, over all nodes. */
export interface GiftBacklog {
  /** Gifts that Laravel has not decided. */
  readonly pending: number;
  /** Of these, those that are being settled. */
  readonly inFlight: number;
  /** How long the oldest has waited, ms; 0 when there is none. */
  readonly oldestMs: number;
  /** Gifts that were put aside for an operator. */
  readonly underReview: number;
}

/** A gift as an operator sees it; of an entry that cannot be read, what can be is there. */
export interface ListedGift extends Nullable<Omit<GiftContent, 'transactionId'>> {
  /** Empty where the entry lacks it. */
  readonly transactionId: string;
  readonly sentAt: Date;
  /** Why it was put aside; null while it is pending. */
  readonly reason: string | null;
}

type Nullable<T> = { readonly [Field in keyof T]: T[Field] | null };

/** What operators see and do: the queue, the gifts that were put aside, and queueing those again. */
export class GiftReview {
  readonly #redis: Redis;
  readonly #scripts: Scripts;

  constructor(redis: Redis, scripts: Scripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  async backlog(): Promise<GiftBacklog> {
    const [[seconds], ...shards] = await Promise.all([
      this.#redis.time(),
      ...giftShards.map(async (shard) => {
        const key = pendingGiftsKey(shard);
        const [pending, underReview, oldest, inFlight] = await Promise.all([
          this.#redis.xlen(key),
          this.#redis.xlen(reviewGiftsKey(shard)),
          this.#redis.xrange(key, '-', '+', 'COUNT', 1),
          this.#inFlight(key),
        ]);
        return { pending, underReview, inFlight, oldestAt: Number.parseInt(oldest[0]?.[0] ?? '', 10) };
      }),
    ]);
    const sum = (read: (shard: (typeof shards)[number]) => number): number =>
      shards.reduce((total, shard) => total + read(shard), 0);
    const oldestAt = Math.min(...shards.map((shard) => shard.oldestAt).filter((time) => !Number.isNaN(time)));
    return {
      pending: sum(({ pending }) => pending),
      inFlight: sum(({ inFlight }) => inFlight),
      oldestMs: Number.isFinite(oldestAt) ? Math.max(Number(seconds) * 1_000 - oldestAt, 0) : 0,
      underReview: sum(({ underReview }) => underReview),
    };
  }

  /** The oldest pending gifts. */
  async listPending(limit: number): Promise<ListedGift[]> {
    return this.#list(pendingGiftsKey, limit);
  }

  /** The gifts that were put aside, those that wait for longest first. */
  async listUnderReview(limit: number): Promise<ListedGift[]> {
    return this.#list(reviewGiftsKey, limit);
  }

  /**
   * Queues gifts under review again, with their ids, so that Laravel charges none twice.
   *
   * @param transactionIds - null for all, `limit` at most
   * @returns how many were queued; ids that are not under review are left out
   */
  async retry(transactionIds: readonly GiftTransactionId[] | null, limit: number): Promise<number> {
    let queued = 0;
    for (const shard of giftShards) {
      if (transactionIds === null && queued >= limit) break;
      const count = await this.#scripts.run(
        'revive-gifts',
        [pendingGiftsKey(shard), reviewGiftsKey(shard)],
        [giftTransactionKey(shard, ''), limit - queued, ...(transactionIds ?? [])],
      );
      queued += Number(count);
    }
    return queued;
  }

  async #inFlight(key: string): Promise<number> {
    try {
      const [count] = (await this.#redis.xpending(key, giftConsumerGroup)) as [number];
      return count;
    } catch (error) {
      // Nothing was ever claimed.
      if (String(error).includes('NOGROUP')) return 0;
      throw error;
    }
  }

  async #list(keyOf: (shard: number) => string, limit: number): Promise<ListedGift[]> {
    const pages = await Promise.all(
      giftShards.map((shard) => this.#redis.xrange(keyOf(shard), '-', '+', 'COUNT', limit)),
    );
    return pages
      .flat()
      .map(([entryId, fields]) => toListedGift(entryId, fields))
      .sort((a, b) => a.sentAt.getTime() - b.sentAt.getTime())
      .slice(0, limit);
  }
}

function toListedGift(entryId: string, flat: readonly string[]): ListedGift {
  const fields = new Map<string, string>();
  for (let index = 0; index + 1 < flat.length; index += 2) fields.set(flat[index] ?? '', flat[index + 1] ?? '');
  const content = readContent(fields.get('gift') ?? '') ?? unreadable;
  // An entry's id begins with the time at which it was made.
  const sentAt = new Date(Number(fields.get('sentAt') ?? Number.NaN));
  return {
    ...content,
    transactionId: fields.get('id') ?? '',
    sentAt: Number.isNaN(sentAt.getTime()) ? new Date(Number.parseInt(entryId, 10)) : sentAt,
    reason: fields.get('reason') ?? null,
  };
}

const unreadable = { giftId: null, senderId: null, recipientId: null, roomId: null, quantity: null, batchId: null };
