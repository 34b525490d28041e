import type { GiftEvent } from '../core/events.ts';
import type { Logger } from '../core/logger.ts';
import type { GiftQueue, QueuedGift } from './gift-queue.ts';
import type { GiftResult, LaravelClient } from './laravel.ts';
import type { RoomStore } from './room-store.ts';

/** Seed, section 5: gifts go to Laravel in batches every 500 ms. */
const flushIntervalMs = 500;
/** What Laravel is promised as the largest batch (docs/LARAVEL_REQUIREMENTS.md). */
const largestBatch = 100;
const longestRetryMs = 30_000;

export interface GiftSettlementDependencies {
  readonly queue: GiftQueue;
  readonly laravel: LaravelClient;
  readonly store: RoomStore;
  readonly logger: Logger;
}

/**
 * Takes accepted gifts to Laravel, one batch at a time, and tells each sender what became of the gift. A batch without a
 * clear answer stays queued and is sent again with the same ids, which Laravel recognises: at least once on the wire,
 * exactly once in the ledger.
 */
export class GiftSettlement {
  readonly #use: GiftSettlementDependencies;
  /** Claimed and without an answer yet; sent again before new ones are claimed. */
  #unanswered: QueuedGift[] = [];
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(dependencies: GiftSettlementDependencies) {
    this.#use = dependencies;
  }

  async start(): Promise<void> {
    await this.#use.queue.prepare();
    this.#schedule(flushIntervalMs);
  }

  /** Makes one last attempt and stops; what is not decided stays in the queue for the next node. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#underWay;
    await this.#flush();
    await this.#use.queue.release(this.#unanswered).catch((error: unknown) => {
      this.#use.logger.warn({ err: error }, 'Claims of gifts could not be given back; they expire by themselves');
    });
  }

  #schedule(inMs: number): void {
    this.#timer = setTimeout(() => {
      this.#underWay = this.#flush().then(() => {
        const waitMs = Math.min(flushIntervalMs * 2 ** this.#failures, longestRetryMs);
        if (!this.#stopped) this.#schedule(waitMs);
      });
    }, inMs);
  }

  /** Never throws. */
  async #flush(): Promise<void> {
    const { queue, laravel, logger } = this.#use;
    try {
      if (this.#unanswered.length === 0) this.#unanswered = await queue.claim(largestBatch);
      if (this.#unanswered.length === 0) return;
      const results = await laravel.settleGifts(this.#unanswered.map(({ order }) => order));
      await this.#finishAll(new Map(results.map((result) => [result.transactionId, result])));
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      logger.warn({ err: error, gifts: this.#unanswered.length }, 'Gifts could not be settled; they stay queued');
    }
  }

  async #finishAll(results: ReadonlyMap<string, GiftResult>): Promise<void> {
    const undecided: QueuedGift[] = [];
    for (const gift of this.#unanswered) {
      const result = results.get(gift.order.transactionId);
      if (result === undefined || result.status === 'retry') undecided.push(gift);
      else await this.#finish(gift, result);
    }
    this.#unanswered = undecided;
  }

  async #finish(gift: QueuedGift, result: GiftResult): Promise<void> {
    const { queue, store, logger } = this.#use;
    const { transactionId, roomId, senderId } = gift.order;
    const rejected = result.status === 'rejected';
    if (!(await queue.finish(gift, rejected ? 'rejected' : 'settled'))) return;
    const event: GiftEvent = rejected
      ? { type: 'giftRejected', transactionId, code: result.code ?? 'REJECTED', reason: result.reason ?? '' }
      : { type: 'giftSettled', transactionId, balance: result.senderBalance };
    await store.announceGift(roomId, senderId, JSON.stringify(event)).catch((error: unknown) => {
      logger.debug({ err: error, transactionId }, 'The sender of a gift left its room before its outcome');
    });
  }
}
