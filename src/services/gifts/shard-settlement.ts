import type { GiftOutcome } from '../../core/events.ts';
import type { Logger } from '../../core/logger.ts';
import type { GiftResult } from '../laravel.ts';
import { fullJitter } from './back-off.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { type BatchFailure, type BatchVerdict, type GiftLedger, sendBatch } from './gift-batch.ts';
import type { QueuedGift } from './gift-content.ts';
import type { GiftMeter } from './gift-meter.ts';
import { type ClaimProgress, type DecidedGift, type GiftQueue, leaseMs } from './gift-queue.ts';
import type { GiftStage } from './gift-stage.ts';
import { Suspects } from './suspects.ts';

/** A batch is sent when it is full or after this time, whichever is first (500 ms in the product specification), ms. */
const flushIntervalMs = 500;
/** What Laravel is promised as the largest batch (docs/LARAVEL_REQUIREMENTS.md). */
const largestBatch = 100;
/** How often a node looks for gifts that nobody told it of, as after another node's death, ms. */
const pollMs = 2_000;
/** A gift without a decision for this long is put aside for an operator, ms. */
const reviewAfterMs = 24 * 3_600_000;
/** How often a back end that does not know our key is asked again, ms. */
const deniedRetryMs = 30_000;
/** After so many failures in a row it may be one gift that Laravel stumbles over. */
const inPartsAfter = 5;
/** After so many, finding it is worth more than the order of the one sender there is. */
const anyOrderAfter = 10;

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
  readonly #suspects = new Suspects();
  #progress: ClaimProgress | null = null;
  #failures = 0;
  #timer: NodeJS.Timeout | null = null;
  #dueAt = Infinity;
  /** Until then new gifts are no reason to look: the shard is another node's, or Laravel is to be left alone. */
  #quietUntil = 0;
  #underWay: Promise<void> | null = null;
  /** A gift was queued while a batch was under way. */
  #noticed = false;
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
    if (this.#underWay !== null) {
      this.#noticed = true;
      return;
    }
    const waitMs = this.#untilFlush(backlog);
    if (performance.now() + waitMs < this.#dueAt) this.#schedule(waitMs);
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

  #untilFlush(backlog: number): number {
    return Math.max(backlog >= largestBatch ? 0 : flushIntervalMs, this.#quietUntil - performance.now());
  }

  #schedule(inMs: number): void {
    if (this.#stopped) return;
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
      this.#noticed = false;
      try {
        waitMs = await this.#round();
      } catch (error) {
        // Redis does not answer; what is claimed is claimed again, before anything newer.
        this.#progress = null;
        this.#failures += 1;
        waitMs = this.#quiet(fullJitter(this.#failures));
        this.#use.logger.warn({ err: error, shard: this.#shard }, 'Gifts could not be settled; they stay queued');
      }
    }
    this.#underWay = null;
    this.#schedule(this.#noticed ? Math.min(waitMs, this.#untilFlush(0)) : waitMs);
  }

  /** Settles one batch. @returns how long to wait before the next, ms */
  async #round(): Promise<number> {
    const { queue, breaker } = this.#use;
    const heldBackMs = breaker.admit();
    if (heldBackMs > 0) {
      await this.#putAsideExpired();
      return this.#quiet(heldBackMs);
    }
    let asked = false;
    try {
      const claim = await queue.claim(this.#shard, this.#progress, largestBatch);
      if (claim === null) return this.#quiet(flushIntervalMs, pollMs);
      this.#progress = claim.progress;
      const unreadable = await queue.putAside(this.#shard, claim.unreadable, 'UNREADABLE');
      if (unreadable > 0) this.#reportPutAside(unreadable, 'UNREADABLE');
      if (claim.gifts.length === 0) return claim.backlog > 0 ? flushIntervalMs : pollMs;
      asked = true;
      const waitMs = await this.#flush(claim.gifts, claim.backlog);
      if (waitMs === null) breaker.cancel();
      return waitMs ?? pollMs;
    } finally {
      if (!asked) breaker.cancel();
    }
  }

  /** @returns how long to wait before the next batch, ms; null when there was nothing to ask Laravel about */
  async #flush(gifts: readonly QueuedGift[], backlog: number): Promise<number | null> {
    const { queue, meter } = this.#use;
    const { others, due } = this.#suspects.divide(gifts);
    if (others.length === 0 && due === null) {
      await this.#putAsideExpired();
      return null;
    }
    const startedAt = performance.now();
    const renewal = setInterval(() => void queue.renew(this.#shard).catch(() => undefined), leaseMs / 3);
    try {
      const { results, refused, failure } = await this.#ask(others, due);
      const decided = await this.#finish(gifts, results);
      const refusedIds = refused.map(({ entryId }) => entryId);
      const putAside = await queue.putAside(this.#shard, refusedIds, 'REFUSED');
      if (putAside > 0) this.#reportPutAside(putAside, 'REFUSED');
      const undecided = gifts.length - decided - putAside;
      const askedAbout = others.length + (due === null ? 0 : 1);
      if (askedAbout > decided + putAside) meter.retried(askedAbout - decided - putAside);
      meter.flushed((performance.now() - startedAt) / 1_000);
      if (failure !== null) return await this.#onFailure(failure, undecided);
      this.#failures = 0;
      if (undecided > 0) await this.#putAsideExpired();
      return backlog - decided - putAside >= largestBatch && undecided < gifts.length ? 0 : flushIntervalMs;
    } finally {
      clearInterval(renewal);
    }
  }

  /** Sends a batch, and after it a gift that is sent alone. */
  async #ask(others: readonly QueuedGift[], alone: QueuedGift | null): Promise<BatchVerdict> {
    const { queue, ledger, breaker, onKey } = this.#use;
    const goesOn = async (): Promise<boolean> => !this.#stopped && (await queue.renew(this.#shard));
    const inParts = this.#failures >= anyOrderAfter ? 'anyOrder' : this.#failures >= inPartsAfter ? 'inOrder' : null;
    const verdict = others.length === 0 ? nothingAsked : await sendBatch(ledger, others, { goesOn, inParts });
    this.#suspects.add(verdict.unanswered);
    // Before Redis is asked for anything: the breaker is about Laravel, and one that refuses is there.
    if (others.length === 0) breaker.cancel();
    else if (verdict.failure === null || verdict.failure.kind === 'refused') breaker.succeed();
    else breaker.fail(verdict.failure.retryAfterMs);
    if (others.length > 0 && verdict.failure?.kind !== 'unknown') onKey(verdict.failure?.kind !== 'denied');
    if (alone === null || verdict.failure !== null || !(await goesOn())) return verdict;

    const last = await sendBatch(ledger, [alone], { goesOn });
    if (last.failure === null) this.#suspects.remove(alone);
    else this.#suspects.add([alone]);
    return { ...verdict, results: new Map([...verdict.results, ...last.results]) };
  }

  /** @returns how many gifts of the batch are decided now */
  async #finish(gifts: readonly QueuedGift[], results: ReadonlyMap<string, GiftResult>): Promise<number> {
    const { queue, meter } = this.#use;
    const decided = gifts.flatMap((gift): DecidedGift[] => {
      const outcome = toOutcome(gift, results.get(gift.order.transactionId));
      return outcome === null ? [] : [{ gift, outcome }];
    });
    // First, so that a death in between repeats it instead of leaving it out. What fails is asked about again.
    const told = await Promise.all(decided.map((gift) => this.#tellRoom(gift)));
    const ready = decided.filter((_, index) => told[index]);
    const first = await queue.finish(this.#shard, ready);
    const settled = first.filter(({ outcome }) => outcome.type === 'giftSettled').length;
    if (settled > 0) meter.decided('settled', settled);
    if (first.length > settled) meter.decided('rejected', first.length - settled);
    return ready.length;
  }

  /** @returns whether the room knows how it is */
  async #tellRoom({ gift: { order, event, shown }, outcome }: DecidedGift): Promise<boolean> {
    const { stage } = this.#use;
    if (outcome.type === 'giftRejected') return stage.withdraw(order);
    return shown || stage.showUnseen(order, event);
  }

  /** Leaves the gifts to whichever node gets through to Laravel. @returns how long to wait, ms */
  async #onFailure({ kind, error, retryAfterMs }: BatchFailure, undecided: number): Promise<number> {
    const { queue, logger } = this.#use;
    this.#failures += 1;
    if (kind !== 'denied') {
      logger.warn({ err: error, shard: this.#shard, gifts: undecided }, 'Gifts are undecided and will be sent again');
    }
    await this.#putAsideExpired();
    await queue.release(this.#shard);
    if (kind === 'denied') return this.#quiet(deniedRetryMs);
    const waitMs = Math.max(fullJitter(this.#failures), retryAfterMs);
    // Laravel is there, and the next gift may be one that it reads.
    return kind === 'refused' ? this.#quiet(flushIntervalMs, waitMs) : this.#quiet(waitMs);
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

const nothingAsked: BatchVerdict = { results: new Map(), refused: [], unanswered: [], failure: null };

/** @returns null while the gift is undecided */
function toOutcome({ order: { transactionId } }: QueuedGift, result: GiftResult | undefined): GiftOutcome | null {
  if (result === undefined || result.status === 'retry') return null;
  return result.status === 'rejected'
    ? { type: 'giftRejected', transactionId, code: result.code ?? 'REJECTED', reason: result.reason ?? '' }
    : { type: 'giftSettled', transactionId, balance: result.senderBalance };
}
