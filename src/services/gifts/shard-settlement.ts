import type { GiftOutcome } from '../../core/events.ts';
import type { Logger } from '../../core/logger.ts';
import type { GiftResult } from '../laravel.ts';
import { fullJitter } from './back-off.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { type BatchFailure, type GiftLedger, sendBatch } from './gift-batch.ts';
import type { QueuedGift } from './gift-content.ts';
import type { GiftMeter } from './gift-meter.ts';
import { type DecidedGift, type GiftQueue, leaseMs } from './gift-queue.ts';
import type { GiftStage } from './gift-stage.ts';

/** A batch is sent when it is full or after this time, whichever is first (seed, section 5), ms. */
const flushIntervalMs = 500;
/** What Laravel is promised as the largest batch (docs/LARAVEL_REQUIREMENTS.md). */
const largestBatch = 100;
/** How often a node looks for gifts that nobody told it of, as after another node's death, ms. */
const pollMs = 2_000;
/** A gift without a decision for this long is put aside for an operator, ms. */
const reviewAfterMs = 24 * 3_600_000;
/** How often a back end that does not know our key is asked again, ms. */
const deniedRetryMs = 30_000;
/** A gift that its room has not seen by now will not be shown by the node that took it, ms. */
const lateMs = 2_000;

export interface ShardSettlementDependencies {
  readonly queue: GiftQueue;
  readonly ledger: GiftLedger;
  readonly stage: GiftStage;
  readonly meter: GiftMeter;
  readonly breaker: CircuitBreaker;
  /** Told whether Laravel takes our key. */
  readonly onKey: (accepted: boolean) => void;
  readonly logger: Logger;
}

/**
 * Settles the gifts of one shard: claims a batch, sends it, finishes what was decided; one batch at a time over all
 * nodes. What is not decided stays queued and is sent again with the same ids, which Laravel recognises: at least once on
 * the wire, exactly once in the ledger.
 */
export class ShardSettlement {
  readonly #shard: number;
  readonly #use: ShardSettlementDependencies;
  #position = '0-0';
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Infinity;
  /** Until then new gifts are no reason to look: the shard is another node's, or Laravel is to be left alone. */
  #quietUntil = 0;
  #underWay: Promise<void> | null = null;
  #stopped = false;

  constructor(shard: number, dependencies: ShardSettlementDependencies) {
    this.#shard = shard;
    this.#use = dependencies;
  }

  start(): void {
    // Shards and nodes do not look all at once.
    this.#schedule(Math.random() * pollMs);
  }

  /** A gift was queued; `backlog` are waiting now. */
  notice(backlog: number): void {
    const waitMs = backlog >= largestBatch ? 0 : flushIntervalMs;
    const now = performance.now();
    if (now + waitMs < this.#dueAt) this.#schedule(Math.max(waitMs, this.#quietUntil - now));
  }

  /** Makes one last attempt and gives the shard back; what is not decided stays in the queue for the next node. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#underWay;
    const { queue, logger } = this.#use;
    try {
      await this.#round();
      await queue.release(this.#shard);
    } catch (error) {
      logger.warn({ err: error, shard: this.#shard }, 'A shard of gifts could not be given back; its lease will end');
    }
  }

  #schedule(inMs: number): void {
    if (this.#stopped || this.#underWay !== null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#dueAt = performance.now() + inMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#underWay = this.#run();
    }, inMs);
  }

  async #run(): Promise<void> {
    let waitMs = 0;
    while (waitMs === 0 && !this.#stopped) {
      try {
        waitMs = await this.#round();
      } catch (error) {
        // Redis does not answer; what is claimed is claimed again.
        this.#failures += 1;
        waitMs = this.#quiet(fullJitter(this.#failures));
        this.#use.logger.warn({ err: error, shard: this.#shard }, 'Gifts could not be settled; they stay queued');
      }
    }
    this.#underWay = null;
    this.#schedule(waitMs);
  }

  /** Settles one batch. @returns how long to wait before the next, ms */
  async #round(): Promise<number> {
    const { queue, breaker } = this.#use;
    const heldBackMs = breaker.admit();
    if (heldBackMs > 0) {
      await this.#putAsideExpired();
      return this.#quiet(heldBackMs);
    }
    let attempted = false;
    try {
      const claim = await queue.claim(this.#shard, this.#position, largestBatch);
      if (claim === null) return this.#quiet(flushIntervalMs, pollMs);
      this.#position = claim.position;
      const unreadable = await queue.putAside(this.#shard, claim.unreadable, 'UNREADABLE');
      if (unreadable > 0) this.#reportPutAside(unreadable, 'UNREADABLE');
      if (claim.gifts.length === 0) return claim.backlog > 0 ? flushIntervalMs : pollMs;
      attempted = true;
      return await this.#flush(claim.gifts, claim.backlog);
    } finally {
      if (!attempted) breaker.cancel();
    }
  }

  async #flush(gifts: readonly QueuedGift[], backlog: number): Promise<number> {
    const { queue, ledger, meter, breaker, onKey } = this.#use;
    const startedAt = performance.now();
    const renewal = setInterval(() => void queue.renew(this.#shard).catch(() => undefined), leaseMs / 3);
    try {
      await this.#showLate(gifts);
      const verdict = await sendBatch(ledger, gifts, () => queue.renew(this.#shard));
      // Before Redis is asked for anything: the breaker is about Laravel.
      if (verdict.failure === null) breaker.succeed();
      else breaker.fail(verdict.failure.retryAfterMs);
      if (verdict.failure?.kind !== 'unknown') onKey(verdict.failure === null);

      const decided = await this.#finish(gifts, verdict.results);
      const refusedIds = verdict.refused.map(({ entryId }) => entryId);
      const refused = await queue.putAside(this.#shard, refusedIds, 'REFUSED');
      if (refused > 0) this.#reportPutAside(refused, 'REFUSED');
      const undecided = gifts.length - decided - refused;
      if (undecided > 0) meter.retried(undecided);
      meter.flushed((performance.now() - startedAt) / 1_000);
      if (verdict.failure !== null) return await this.#onFailure(verdict.failure, undecided);
      this.#failures = 0;
      if (undecided > 0) await this.#putAsideExpired();
      return backlog - decided - refused >= largestBatch && undecided < gifts.length ? 0 : flushIntervalMs;
    } finally {
      clearInterval(renewal);
    }
  }

  /** Shows gifts whose node died between taking them and showing them. */
  async #showLate(gifts: readonly QueuedGift[]): Promise<void> {
    const { stage } = this.#use;
    const newest = Date.now() - lateMs;
    const unseen = gifts.filter(({ shown, order }) => !shown && order.sentAt < newest);
    await Promise.all(unseen.map(({ order, event }) => stage.show(order, event)));
  }

  /** @returns how many gifts of the batch are decided now */
  async #finish(gifts: readonly QueuedGift[], results: ReadonlyMap<string, GiftResult>): Promise<number> {
    const { queue, stage, meter } = this.#use;
    const decided = gifts.flatMap((gift): DecidedGift[] => {
      const outcome = toOutcome(gift, results.get(gift.order.transactionId));
      return outcome === null ? [] : [{ gift, outcome }];
    });
    // First, so that a death in between repeats it instead of leaving it out.
    const rejected = decided.filter(({ outcome }) => outcome.type === 'giftRejected');
    await Promise.all(rejected.map(({ gift }) => stage.withdraw(gift.order)));
    const first = await queue.finish(this.#shard, decided);
    const settled = first.filter(({ outcome }) => outcome.type === 'giftSettled').length;
    if (settled > 0) meter.decided('settled', settled);
    if (first.length > settled) meter.decided('rejected', first.length - settled);
    return decided.length;
  }

  /** Leaves the gifts to whichever node gets through to Laravel. @returns how long to wait, ms */
  async #onFailure({ kind, error, retryAfterMs }: BatchFailure, undecided: number): Promise<number> {
    const { queue, logger } = this.#use;
    this.#failures += 1;
    if (kind === 'unknown') {
      logger.warn({ err: error, shard: this.#shard, gifts: undecided }, 'Gifts are undecided and will be sent again');
    }
    await this.#putAsideExpired();
    await queue.release(this.#shard);
    return this.#quiet(kind === 'denied' ? deniedRetryMs : Math.max(fullJitter(this.#failures), retryAfterMs));
  }

  async #putAsideExpired(): Promise<void> {
    const count = await this.#use.queue.putAsideExpired(this.#shard, reviewAfterMs, 'TOO_OLD');
    if (count > 0) this.#reportPutAside(count, 'TOO_OLD');
  }

  #reportPutAside(count: number, reason: string): void {
    const { meter, logger } = this.#use;
    meter.putAside(count);
    logger.error({ shard: this.#shard, gifts: count, reason }, 'Gifts were put aside for review by an operator');
  }

  /** Has new gifts wait for `ms` too. @returns `waitMs` */
  #quiet(ms: number, waitMs = ms): number {
    this.#quietUntil = performance.now() + ms;
    return waitMs;
  }
}

/** @returns null while the gift is undecided */
function toOutcome({ order: { transactionId } }: QueuedGift, result: GiftResult | undefined): GiftOutcome | null {
  if (result === undefined || result.status === 'retry') return null;
  return result.status === 'rejected'
    ? { type: 'giftRejected', transactionId, code: result.code ?? 'REJECTED', reason: result.reason ?? '' }
    : { type: 'giftSettled', transactionId, balance: result.senderBalance };
}
