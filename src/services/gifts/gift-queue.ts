import type { Redis } from 'ioredis';
import { AppError } from '../../core/errors.ts';
import { giftOutcomeSchema, type GiftOutcome } from '../../core/events.ts';
import type { GiftTransactionId, UserId } from '../../core/ids.ts';
import type { GiftReport, GiftStatus } from '../../core/model.ts';
import {
  giftLeaseKey,
  giftOutcomesChannel,
  giftOutcomesKey,
  giftSenderKey,
  giftTransactionKey,
  pendingGiftsKey,
  reviewGiftsKey,
} from '../redis/keys.ts';
import type { ScriptReply, Scripts } from '../redis/scripts.ts';
import {
  digestContent,
  type GiftContent,
  isSameContent,
  type QueuedGift,
  readContent,
  writeContent,
} from './gift-content.ts';
import { giftShardOf } from './gift-shards.ts';

export const giftConsumerGroup = 'settlement';
/** How long the final words wait in a sender's mailbox, seconds. */
export const mailboxSeconds = 7 * 24 * 3_600;
/**
 * For how long a transaction id is known after its use, seconds: to be asked about, answered with its final status when
 * it is sent again, and nobody else's. After that only Laravel knows it.
 */
const transactionSeconds = 30 * 24 * 3_600;
/** A shard whose node is silent for this long is taken over, ms. */
export const leaseMs = 6_000;
/** A gift that Laravel wants to be asked about again, and one whose result was missing, is sent again after this, ms. */
const retryAfterMs = 450;

/** What is known of a gift that was accepted before. */
export interface EarlierGift {
  readonly status: GiftStatus;
  /** What the room should have seen of it and perhaps has not, as JSON; null when there is nothing of that kind. */
  readonly unseen: string | null;
}

/** The answer to {@link GiftQueue.enqueue}. */
export type Enqueued =
  | (EarlierGift & { readonly isNew: false })
  | {
      readonly isNew: true;
      readonly status: 'pending';
      /** What the room sees, as JSON. */
      readonly event: string;
      /** Gifts that wait in the shard. */
      readonly backlog: number;
    };

/** How far a node has come with a shard. */
export interface ClaimProgress {
  /** Its claims since it took the shard, as far as it knows: an answer may be lost, and what it held is not. */
  readonly claims: number;
  /** Where the next claim goes on among gifts that were claimed before. */
  readonly position: string;
}

/** The answer to {@link GiftQueue.claim}. */
export interface Claim {
  /** Oldest first. */
  readonly gifts: readonly QueuedGift[];
  /** Entries that this release cannot read. */
  readonly unreadable: readonly string[];
  readonly progress: ClaimProgress;
  /** Gifts in the shard, claimed or not. */
  readonly backlog: number;
}

/** A gift and the final word on it. */
export interface DecidedGift {
  readonly gift: QueuedGift;
  readonly outcome: GiftOutcome;
}

/**
 * The durable queue of gifts between acceptance and Laravel's word: a Redis stream with a consumer group for each shard,
 * and a record for each transaction. Every change is one atomic script.
 */
export class GiftQueue {
  readonly #redis: Redis;
  readonly #scripts: Scripts;
  readonly #nodeId: string;

  constructor(redis: Redis, scripts: Scripts, nodeId: string) {
    this.#redis = redis;
    this.#scripts = scripts;
    this.#nodeId = nodeId;
  }

  /**
   * Keeps a transaction id for one sender. The records of different senders may be in different shards, and ids are seen
   * by the whole room, so this is what stops anybody from sending a gift under somebody else's id.
   *
   * @throws AppError GIFT_ID_CONFLICT when somebody else has used it
   */
  async reserve({ transactionId, senderId }: GiftContent): Promise<void> {
    const sender = String(senderId);
    const user = await this.#redis.set(giftSenderKey(transactionId), sender, 'EX', transactionSeconds, 'NX', 'GET');
    if (user !== null && user !== sender) throw new AppError('GIFT_ID_CONFLICT');
  }

  /**
   * Takes a gift in, once for each transaction id of a sender.
   *
   * @param shown - the gift as the room sees it, as JSON fields without braces and time
   * @throws AppError GIFT_ID_CONFLICT when the id was used for another gift
   */
  async enqueue(content: GiftContent, shown: string): Promise<Enqueued> {
    const shard = giftShardOf(content.senderId);
    const reply = await this.#scripts.run(
      'enqueue-gift',
      [giftTransactionKey(shard, content.transactionId), pendingGiftsKey(shard)],
      [writeContent(content), digestContent(content), content.transactionId, shown],
    );
    const [code, status, isNew, event, backlog] = Array.isArray(reply) ? reply : [];
    if (code !== 'OK') throw new AppError('GIFT_ID_CONFLICT');
    if (isNew !== 1) return { isNew: false, status: status as GiftStatus, unseen: event === '' ? null : String(event) };
    return { isNew: true, status: 'pending', event: String(event), backlog: Number(backlog) };
  }

  /**
   * Looks for an earlier acceptance of the same gift.
   *
   * @returns null when there is none
   * @throws AppError GIFT_ID_CONFLICT when the id was used for another gift
   */
  async find(content: GiftContent): Promise<EarlierGift | null> {
    const shard = giftShardOf(content.senderId);
    const key = giftTransactionKey(shard, content.transactionId);
    const [stored, status, shown, entryId] = await this.#redis.hmget(key, 'content', 'status', 'shown', 'entryId');
    if (stored === null || stored === undefined) return null;
    if (!isSameContent(stored, content)) throw new AppError('GIFT_ID_CONFLICT');
    const mayBeUnseen = status === 'pending' && !shown && entryId;
    return { status: status as GiftStatus, unseen: mayBeUnseen ? await this.#readEvent(shard, entryId) : null };
  }

  /** @returns null when the gift has left the queue */
  async #readEvent(shard: number, entryId: string): Promise<string | null> {
    const [entry] = await this.#redis.xrange(pendingGiftsKey(shard), entryId, entryId);
    const fields = entry?.[1] ?? [];
    return fields[fields.indexOf('event') + 1] ?? null;
  }

  /** Whether a gift is undecided and its room has not been told of it. */
  async isUnseen({ senderId, transactionId }: GiftContent): Promise<boolean> {
    const key = giftTransactionKey(giftShardOf(senderId), transactionId);
    const [status, shown] = await this.#redis.hmget(key, 'status', 'shown');
    return (status === 'pending' || status === 'underReview') && !shown;
  }

  /**
   * Notes what the room has been told of a gift, or is about to be.
   *
   * @returns whether the gift is one that was withdrawn
   */
  async note({ senderId, transactionId }: GiftContent, what: 'shown' | 'withdrawn'): Promise<boolean> {
    const key = giftTransactionKey(giftShardOf(senderId), transactionId);
    return (await this.#scripts.run('note-gift', [key], [what])) === 1;
  }

  /** Writes to a gift's record without changing what it says, so that Redis has a write to wait for. */
  async touch({ senderId, transactionId }: GiftContent): Promise<void> {
    await this.#redis.hset(giftTransactionKey(giftShardOf(senderId), transactionId), 'touched', '1');
  }

  /** What became of a sender's gift. */
  async report(transactionId: GiftTransactionId, senderId: UserId): Promise<GiftReport> {
    const key = giftTransactionKey(giftShardOf(senderId), transactionId);
    const stored = await this.#redis.hmget(key, 'content', 'sender', 'status', 'outcome');
    const [content, sender, status, outcome] = stored;
    // Somebody else's may be in the same shard.
    const owner = sender ?? readContent(content ?? '')?.senderId;
    if (Number(owner) !== senderId) return { transactionId, status: 'unknown' };
    if (outcome === null || outcome === undefined) {
      return { transactionId, status: status === 'underReview' ? 'underReview' : 'pending' };
    }
    const word = giftOutcomeSchema.parse(JSON.parse(outcome));
    return word.type === 'giftSettled'
      ? { transactionId, status: 'settled', balance: word.balance }
      : { transactionId, status: 'rejected', code: word.code, reason: word.reason };
  }

  /**
   * Makes this node the only one that settles the shard, and claims gifts: undecided ones first, then new ones.
   *
   * @param progress - of the last claim; null to begin with what was claimed before, from the oldest gift on, as a node
   *   does that may have missed an answer
   * @param most - gifts
   * @returns null while another node has the shard
   */
  async claim(shard: number, progress: ClaimProgress | null, most: number): Promise<Claim | null> {
    const { claims, position } = progress ?? { claims: 0, position: '0-0' };
    const reply = await this.#scripts.run(
      'claim-gifts',
      [pendingGiftsKey(shard), giftLeaseKey(shard)],
      [giftConsumerGroup, this.#nodeId, leaseMs, most, claims, position, retryAfterMs, giftTransactionKey(shard, '')],
    );
    const [code, count, next, backlog, entries] = Array.isArray(reply) ? reply : [];
    if (code !== 'OK') return null;
    const gifts: QueuedGift[] = [];
    const unreadable: string[] = [];
    for (const entry of Array.isArray(entries) ? entries : []) {
      const gift = toQueuedGift(entry);
      if (typeof gift === 'string') unreadable.push(gift);
      else gifts.push(gift);
    }
    return {
      gifts,
      unreadable,
      progress: { claims: Number(count), position: String(next) },
      backlog: Number(backlog),
    };
  }

  /** Keeps a shard that this node has. @returns false when another node may have it by now */
  async renew(shard: number): Promise<boolean> {
    return (await this.#scripts.run('release-gifts', [giftLeaseKey(shard)], [this.#nodeId, leaseMs])) === 1;
  }

  /** Gives a shard back, so that another node need not wait until the lease is over. */
  async release(shard: number): Promise<void> {
    await this.#scripts.run('release-gifts', [giftLeaseKey(shard)], [this.#nodeId, 0]);
  }

  /**
   * Takes decided gifts out of the queue and puts the word on each into its sender's mailbox.
   *
   * @returns those that were not decided before
   */
  async finish(shard: number, decided: readonly DecidedGift[]): Promise<DecidedGift[]> {
    if (decided.length === 0) return [];
    const reply = await this.#scripts.run(
      'finish-gifts',
      [pendingGiftsKey(shard), reviewGiftsKey(shard)],
      [
        giftConsumerGroup,
        giftTransactionKey(shard, ''),
        giftOutcomesKey(shard, ''),
        giftOutcomesChannel,
        transactionSeconds,
        mailboxSeconds,
        ...decided.flatMap(({ gift: { entryId, order }, outcome }) => {
          const status = outcome.type === 'giftSettled' ? 'settled' : 'rejected';
          const digest = digestContent(order);
          return [entryId, order.transactionId, order.senderId, digest, status, JSON.stringify(outcome)];
        }),
      ],
    );
    const first = Array.isArray(reply) ? reply : [];
    return decided.filter((_, index) => first[index] === 1);
  }

  /** Puts gifts aside for an operator. @returns how many */
  async putAside(shard: number, entryIds: readonly string[], reason: string): Promise<number> {
    return entryIds.length === 0 ? 0 : this.#review(shard, reason, 0, entryIds);
  }

  /** Puts the gifts aside that have waited for longer than `ageMs`, 100 at most. @returns how many */
  async putAsideExpired(shard: number, ageMs: number, reason: string): Promise<number> {
    return this.#review(shard, reason, ageMs, []);
  }

  async #review(shard: number, reason: string, ageMs: number, entryIds: readonly string[]): Promise<number> {
    const count = await this.#scripts.run(
      'review-gifts',
      [pendingGiftsKey(shard), reviewGiftsKey(shard)],
      [giftConsumerGroup, giftTransactionKey(shard, ''), reason, ageMs, ...entryIds],
    );
    return Number(count);
  }
}

/** @returns the entry id alone when the gift cannot be read */
function toQueuedGift(reply: ScriptReply): QueuedGift | string {
  const [entryId, content, sentAt, event, shown] = Array.isArray(reply) ? reply : [];
  const gift = readContent(String(content));
  if (gift === null) return String(entryId);
  return {
    entryId: String(entryId),
    order: { ...gift, sentAt: Number(sentAt) },
    event: String(event),
    shown: shown === 1,
  };
}
