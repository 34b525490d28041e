import type { Redis } from 'ioredis';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import {
  type GiftId,
  type GiftTransactionId,
  giftIdSchema,
  giftTransactionIdSchema,
  type RoomId,
  roomIdSchema,
  type UserId,
  userIdSchema,
} from '../core/ids.ts';
import type { GiftStatus } from '../core/model.ts';
import type { GiftOrder } from './laravel.ts';
import { giftTransactionKey, pendingGiftsKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';

/** A gift as it is stored; also what makes two sends of one transaction the same. */
export interface GiftContent {
  readonly transactionId: GiftTransactionId;
  readonly giftId: GiftId;
  readonly senderId: UserId;
  readonly recipientId: UserId;
  readonly roomId: RoomId;
  readonly quantity: number;
}

/** A claimed gift and its place in the queue. */
export interface QueuedGift {
  readonly entryId: string;
  readonly order: GiftOrder;
}

const contentSchema = z.object({
  transactionId: giftTransactionIdSchema,
  giftId: giftIdSchema,
  senderId: userIdSchema,
  recipientId: userIdSchema,
  roomId: roomIdSchema,
  quantity: z.int().positive(),
});

const consumerGroup = 'settlement';
/** How long the final status of a gift can be asked for, seconds. */
const finalStatusSeconds = 7 * 24 * 3_600;
/** A claim older than this belongs to a node that died or gave up, ms; above Laravel's time limit of 10 s. */
const claimExpiryMs = 30_000;

/** The durable queue of gifts between acceptance and Laravel's word: one Redis stream with a consumer group. */
export class GiftQueue {
  readonly #redis: Redis;
  readonly #scripts: Scripts;
  readonly #consumer: string;

  /** @param consumer - name of this node among the group's consumers */
  constructor(redis: Redis, scripts: Scripts, consumer: string) {
    this.#redis = redis;
    this.#scripts = scripts;
    this.#consumer = consumer;
  }

  /** Makes the consumer group when it is missing. */
  async prepare(): Promise<void> {
    try {
      await this.#redis.xgroup('CREATE', pendingGiftsKey, consumerGroup, '0', 'MKSTREAM');
    } catch (error) {
      if (!String(error).includes('BUSYGROUP')) throw error;
    }
  }

  /**
   * Takes a gift in, once for each transaction id. One round trip; durable as Redis's append-only file is.
   *
   * @throws AppError GIFT_ID_CONFLICT when the id was used for another gift
   */
  async enqueue(content: GiftContent): Promise<{ status: GiftStatus; isNew: boolean; sentAt: number }> {
    const text = JSON.stringify(content);
    const reply = await this.#scripts.run(
      'enqueue-gift',
      [giftTransactionKey(content.transactionId), pendingGiftsKey],
      [text, content.transactionId, text],
    );
    const [code, status, isNew, sentAt] = Array.isArray(reply) ? reply : [];
    if (code !== 'OK') throw new AppError('GIFT_ID_CONFLICT');
    return { status: status as GiftStatus, isNew: isNew === 1, sentAt: Number(sentAt) };
  }

  /**
   * Looks for an earlier acceptance of the same gift.
   *
   * @returns null when there is none
   * @throws AppError GIFT_ID_CONFLICT when the id was used for another gift
   */
  async find(gift: GiftContent): Promise<GiftStatus | null> {
    const [content, status] = await this.#redis.hmget(giftTransactionKey(gift.transactionId), 'content', 'status');
    if (content === null || content === undefined) return null;
    if (content !== JSON.stringify(gift)) throw new AppError('GIFT_ID_CONFLICT');
    return status as GiftStatus;
  }

  /** @returns null when there is no such gift of that sender */
  async status(transactionId: GiftTransactionId, senderId: UserId): Promise<GiftStatus | null> {
    const [content, status] = await this.#redis.hmget(giftTransactionKey(transactionId), 'content', 'status');
    if (content === null || content === undefined) return null;
    return contentSchema.parse(JSON.parse(content)).senderId === senderId ? (status as GiftStatus) : null;
  }

  /** Claims gifts for settling: first those whose claim has expired, then new ones; oldest first. */
  async claim(most: number): Promise<QueuedGift[]> {
    const [, abandoned] = (await this.#redis.xautoclaim(
      pendingGiftsKey,
      consumerGroup,
      this.#consumer,
      claimExpiryMs,
      '0',
      'COUNT',
      most,
    )) as [string, [string, string[]][]];
    if (abandoned.length >= most) return abandoned.map(toQueuedGift);
    const fresh = (await this.#redis.xreadgroup(
      'GROUP',
      consumerGroup,
      this.#consumer,
      'COUNT',
      most - abandoned.length,
      'STREAMS',
      pendingGiftsKey,
      '>',
    )) as [string, [string, string[]][]][] | null;
    return [...abandoned, ...(fresh?.[0]?.[1] ?? [])].map(toQueuedGift);
  }

  /** Gives claims back, so that another node need not wait until they expire. */
  async release(gifts: readonly QueuedGift[]): Promise<void> {
    if (gifts.length === 0) return;
    // Redis cannot undo a claim, only age it.
    const entryIds = gifts.map(({ entryId }) => entryId);
    const aged = ['IDLE', claimExpiryMs, 'JUSTID'] as const;
    await this.#redis.xclaim(pendingGiftsKey, consumerGroup, this.#consumer, 0, ...entryIds, ...aged);
  }

  /**
   * Takes a decided gift out of the queue.
   *
   * @returns false when it was decided before, so that the sender hears it once
   */
  async finish({ entryId, order }: QueuedGift, status: 'settled' | 'rejected'): Promise<boolean> {
    const first = await this.#scripts.run(
      'finish-gift',
      [giftTransactionKey(order.transactionId), pendingGiftsKey],
      [entryId, consumerGroup, status, finalStatusSeconds],
    );
    return first === 1;
  }

  /** Gifts that Laravel has not decided yet. */
  async depth(): Promise<number> {
    return this.#redis.xlen(pendingGiftsKey);
  }
}

function toQueuedGift([entryId, fields]: [string, string[]]): QueuedGift {
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < fields.length; index += 2) values.set(fields[index] ?? '', fields[index + 1] ?? '');
  const content = contentSchema.parse(JSON.parse(values.get('gift') ?? '{}'));
  return { entryId, order: { ...content, sentAt: Number(values.get('sentAt')) } };
}
