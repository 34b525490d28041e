import type { Redis } from 'ioredis';
import { type GiftOutcome, giftOutcomeSchema } from '../../core/events.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import { giftAcknowledgedKey, giftOutcomesChannel, giftOutcomesKey } from '../redis/keys.ts';
import type { Scripts } from '../redis/scripts.ts';
import { mailboxSeconds } from './gift-queue.ts';
import { giftShardOf } from './gift-shards.ts';

/** Outcomes read at once. */
const pageLength = 100;

/** An outcome and its place in the sender's mailbox. */
export interface DeliveredOutcome {
  readonly id: EventId;
  readonly outcome: GiftOutcome;
}

/**
 * The mailboxes in which senders find the final words on their gifts, wherever and whenever they connect. A client that
 * resumes by its cursor gets each outcome exactly once; one without a cursor gets what its user has acknowledged nowhere.
 */
export class GiftOutcomes {
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #scripts: Scripts;
  readonly #logger: Logger;
  /** Wakes those who follow a sender's mailbox on this node. */
  readonly #followers = new Map<UserId, Set<() => void>>();

  /** @param subscriber - connection that is used for nothing but pub/sub */
  constructor(redis: Redis, subscriber: Redis, scripts: Scripts, logger: Logger) {
    this.#redis = redis;
    this.#subscriber = subscriber;
    this.#scripts = scripts;
    this.#logger = logger;
  }

  /** Begins to listen for news. @throws Error when Redis does not answer */
  async start(): Promise<void> {
    this.#subscriber.on('message', (channel: string, message: string) => {
      if (channel !== giftOutcomesChannel) return;
      for (const sender of message.split(' ')) this.#wake(Number(sender) as UserId);
    });
    // What was announced while the connection was down is in the mailboxes.
    this.#subscriber.on('ready', () => {
      for (const sender of this.#followers.keys()) this.#wake(sender);
    });
    await this.#subscriber.subscribe(giftOutcomesChannel);
  }

  /**
   * Where a client without a cursor begins. The note of what was acknowledged lasts as long as an outcome, so where it
   * has ended, what is older was acknowledged or has expired; some of it may be in the mailbox still.
   */
  async acknowledged(senderId: UserId): Promise<EventId> {
    const position = await this.#redis.get(giftAcknowledgedKey(giftShardOf(senderId), senderId));
    if (position !== null) return position as EventId;
    const [seconds] = await this.#redis.time();
    return `${(Number(seconds) - mailboxSeconds) * 1_000}-0` as EventId;
  }

  /** Notes that the sender has seen everything up to `position`. */
  async acknowledge(senderId: UserId, position: EventId): Promise<void> {
    const key = giftAcknowledgedKey(giftShardOf(senderId), senderId);
    await this.#scripts.run('acknowledge-outcomes', [key], [position, mailboxSeconds]);
  }

  /** Delivers every outcome after `cursor`, in order, until the signal aborts. */
  async *follow(senderId: UserId, cursor: EventId, signal: AbortSignal): AsyncGenerator<DeliveredOutcome, void> {
    let news = Promise.withResolvers<void>();
    const wake = (): void => news.resolve();
    const followers = this.#followers.get(senderId) ?? new Set();
    this.#followers.set(senderId, followers.add(wake));
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        // Before reading, so that what comes during it is noticed.
        news = Promise.withResolvers<void>();
        const page = await this.#readAfter(senderId, cursor);
        for (const { id, outcome } of page) {
          cursor = id;
          if (outcome !== null) yield { id, outcome };
        }
        if (page.length < pageLength && !signal.aborted) await news.promise;
      }
    } finally {
      signal.removeEventListener('abort', wake);
      followers.delete(wake);
      if (followers.size === 0 && this.#followers.get(senderId) === followers) this.#followers.delete(senderId);
    }
  }

  async #readAfter(senderId: UserId, cursor: EventId): Promise<{ id: EventId; outcome: GiftOutcome | null }[]> {
    const key = giftOutcomesKey(giftShardOf(senderId), senderId);
    const entries = await this.#redis.xrange(key, `(${cursor}`, '+', 'COUNT', pageLength);
    return entries.map(([id, fields]) => ({ id: id as EventId, outcome: this.#parse(id, fields[1]) }));
  }

  #parse(id: string, json = ''): GiftOutcome | null {
    try {
      return giftOutcomeSchema.parse(JSON.parse(json));
    } catch (error) {
      this.#logger.error({ err: error, id }, 'An outcome of a gift does not fit its schema');
      return null;
    }
  }

  #wake(senderId: UserId): void {
    for (const wake of this.#followers.get(senderId) ?? []) wake();
  }
}
