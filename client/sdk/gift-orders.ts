import type { GiftReport } from '../../src/core/model.ts';
import type { Api, Outputs } from './api.ts';
import { delay, fullJitter } from './back-off.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveCode } from './errors.ts';
import { FlyLiveError, GiftError, toFlyLiveError } from './errors.ts';
import type { GiftJournal, SentOrder } from './gift-journal.ts';
import { idOf, isSameOrder } from './gift-journal.ts';
import type { Logger } from './logger.ts';
import type { Membership } from './membership.ts';

/** What became of each gift of an order: accepted with a status, or refused with a code. */
export type GiftAnswers = Outputs['gift']['sendToMany'];

/** An answer that takes longer than this leaves a person in doubt, who may then press again, ms. */
const overdueAfterMs = 3_000;
/** After this time an order that never arrived is not sent any more: by then it would surprise everybody, ms. */
const resendForMs = 10 * 60_000;
/** After this time a call whose answer was lost is not at work on the server any more (Laravel's 10 s included), ms. */
const underWayMs = 60_000;
/** The least pause between two questions about an order, ms. */
const pauseMs = 1_000;

/** After these the server may have accepted the gift: there was no answer, or one that says so (see docs/ERRORS.md). */
const doubtful = new Set<string>(['CONNECTION_LOST', 'TIMED_OUT', 'SERVICE_UNAVAILABLE', 'INTERNAL']);

interface GiftOrdersEvents extends Record<string, unknown[]> {
  /** The answer is overdue; what became of the order will be told. */
  unanswered: [order: SentOrder];
  /** What became of a gift whose answer was missing; never `unknown`. */
  found: [report: GiftReport];
  /** A gift whose answer was missing is not accepted and never will be. */
  unsent: [transactionId: string, code: FlyLiveCode];
}

/**
 * Sends orders, each under ids that stay with it, and finds out what became of those that are not answered: after a
 * lost connection, in the next room, on the next page. Nothing is told before it is certain.
 */
export class GiftOrders extends Emitter<GiftOrdersEvents> {
  readonly #membership: Pick<Membership, 'roomId' | 'retry'>;
  readonly #journal: GiftJournal;
  readonly #logger: Logger;
  readonly #sending = new Map<string, Promise<GiftAnswers>>();
  readonly #pursued = new Set<string>();
  /** Gifts of which it is known that they were accepted, or that they never will be. */
  readonly #known = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(membership: Pick<Membership, 'roomId' | 'retry'>, journal: GiftJournal, logger: Logger) {
    super((error) => logger.warn('A listener of the orders threw', error));
    this.#membership = membership;
    this.#journal = journal;
    this.#logger = logger;
  }

  /** Begins to find out what became of the orders of earlier rooms and pages. */
  start(): void {
    for (const order of this.#journal.orders) void this.#pursue(idOf(order));
  }

  /** What is unanswered stays in the journal. */
  stop(): void {
    this.#stopped.abort();
  }

  /**
   * Sends an order. One that is the same as an earlier one whose answer is overdue is taken for that one: whoever
   * presses again because nothing happened does not mean to pay twice.
   *
   * @param isNew - whether its ids were made for it just now; false: the caller insists on them
   * @throws {FlyLiveError} what the server refused it for
   * @throws {GiftError} when it is not known whether the server accepted it
   */
  send(order: SentOrder, isNew: boolean): Promise<GiftAnswers> {
    const earlier = isNew ? this.#findOverdue(order) : this.#journal.find(idOf(order));
    if (earlier !== undefined && !isSameOrder(earlier, order)) {
      const message = 'The id belongs to another gift, which is not answered yet';
      return Promise.reject(new FlyLiveError('GIFT_ID_CONFLICT', { message, retryable: false }));
    }
    const id = idOf(earlier ?? order);
    const sending = this.#sending.get(id) ?? this.#send(earlier ? { ...earlier, orderedAt: order.orderedAt } : order);
    this.#sending.set(id, sending);
    return sending;
  }

  /** It is known what became of a gift of this user, by whatever came first. */
  settle(transactionId: string): void {
    for (const order of this.#journal.orders) {
      if (!order.recipients.some((recipient) => recipient.transactionId === transactionId)) continue;
      this.#known.add(transactionId);
      if (this.#unknownOf(order).length === 0) this.#journal.remove(order);
    }
  }

  #findOverdue(order: SentOrder): SentOrder | undefined {
    return this.#journal.orders.find((earlier) => {
      const isOverdue = earlier.orderedAt <= Date.now() - overdueAfterMs || !this.#sending.has(idOf(earlier));
      return isOverdue && isSameOrder(earlier, order);
    });
  }

  async #send(order: SentOrder): Promise<GiftAnswers> {
    const id = idOf(order);
    this.#journal.add(order);
    for (const { transactionId } of order.recipients) this.#known.delete(transactionId);
    const overdue = setTimeout(() => {
      if (this.#isOpen(id)) this.emit('unanswered', order);
    }, overdueAfterMs);
    const end = (): void => {
      clearTimeout(overdue);
      this.#sending.delete(id);
    };
    try {
      const answers = await this.#membership.retry((api) => this.#try(api, order));
      end();
      this.#journal.remove(order);
      return answers;
    } catch (thrown) {
      end();
      const left = this.#journal.find(id);
      // Its outcome or the room has told meanwhile that it was accepted.
      if (left === undefined) return order.recipients.map(accepted);
      if (left.triedAt === null) {
        this.#journal.remove(order);
        throw thrown;
      }
      void this.#pursue(id);
      const { batchId, recipients } = order;
      const transactionId = batchId === null ? (recipients[0]?.transactionId ?? null) : null;
      throw new GiftError({ transactionId, batchId }, thrown);
    }
  }

  /** Sends an order on the current connection, and keeps in mind whether the server may still be at work on it. */
  async #try(api: Api, order: SentOrder): Promise<GiftAnswers> {
    const id = idOf(order);
    const before = this.#journal.find(id);
    if (before !== undefined) this.#journal.add({ ...before, triedAt: Date.now() });
    const answered = (): void => {
      if (before !== undefined && this.#journal.find(id) !== undefined) this.#journal.add(before);
    };
    try {
      const answers = await submit(api, order);
      for (const answer of answers) {
        if (!('refused' in answer)) this.settle(answer.transactionId);
      }
      answered();
      return answers;
    } catch (thrown) {
      if (!doubtful.has(toFlyLiveError(thrown).code)) answered();
      throw thrown;
    }
  }

  /** Asks what became of an order until that is known. */
  async #pursue(id: string): Promise<void> {
    if (this.#pursued.has(id)) return;
    this.#pursued.add(id);
    for (let attempt = 0; this.#isOpen(id); attempt += 1) {
      let waitMs = Math.max(pauseMs, fullJitter(attempt));
      try {
        if (!this.#sending.has(id)) await this.#ask(id);
      } catch (thrown) {
        const error = toFlyLiveError(thrown);
        this.#logger.debug('What became of a gift could not be found out yet', error);
        // The next room goes on with it.
        if (error.code === 'CLOSED') break;
        waitMs = Math.max(waitMs, error.retryAfterMs ?? 0);
      }
      if (this.#isOpen(id)) await delay(waitMs, this.#stopped.signal);
    }
    this.#pursued.delete(id);
  }

  async #ask(id: string): Promise<void> {
    const order = this.#journal.find(id);
    if (order === undefined) return;
    const transactionIds = order.recipients.map(({ transactionId }) => transactionId);
    const reports = await this.#membership.retry((api) => api.gift.status.query({ transactionIds }));
    const unknown = new Set(this.#unknownOf(order));
    for (const report of reports) {
      if (report.status === 'unknown' || !unknown.delete(report.transactionId)) continue;
      this.emit('found', report);
      this.settle(report.transactionId);
    }
    if (!this.#isOpen(id)) return;
    const isHere = order.roomId === this.#membership.roomId;
    const refusals = isHere && Date.now() - order.orderedAt < resendForMs ? await this.#resend(order, unknown) : null;
    // An earlier try that is still at work may be accepted.
    const isUnderWay = order.triedAt !== null && Date.now() - order.triedAt < underWayMs;
    if (isUnderWay || this.#sending.has(id)) return;
    for (const transactionId of this.#unknownOf(order)) {
      this.emit('unsent', transactionId, refusals?.get(transactionId) ?? 'GIFT_NOT_SENT');
      this.settle(transactionId);
    }
  }

  /**
   * Sends an order once more under its ids.
   *
   * @param unknown - the gifts of which nothing is known
   * @returns why gifts were refused
   */
  async #resend(order: SentOrder, unknown: ReadonlySet<string>): Promise<ReadonlyMap<string, FlyLiveCode>> {
    try {
      const answers = await this.#membership.retry((api) => this.#try(api, order));
      const refusals = new Map<string, FlyLiveCode>();
      for (const answer of answers) {
        const { transactionId } = answer;
        if ('refused' in answer) refusals.set(transactionId, answer.refused);
        else if (unknown.has(transactionId)) this.emit('found', { transactionId, status: 'pending' });
      }
      return refusals;
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      if (error.retryable || error.code === 'CLOSED') throw error;
      return new Map(order.recipients.map(({ transactionId }) => [transactionId, error.code]));
    }
  }

  #unknownOf(order: SentOrder): string[] {
    return order.recipients.flatMap(({ transactionId }) => (this.#known.has(transactionId) ? [] : transactionId));
  }

  #isOpen(id: string): boolean {
    return !this.#stopped.signal.aborted && this.#journal.find(id) !== undefined;
  }
}

function accepted({ transactionId }: SentOrder['recipients'][number]): GiftAnswers[number] {
  return { transactionId: transactionId as GiftAnswers[number]['transactionId'], status: 'pending' };
}

async function submit(api: Api, order: SentOrder): Promise<GiftAnswers> {
  const { roomId, giftId, quantity, batchId, recipients } = order;
  if (batchId !== null) {
    return api.gift.sendToMany.mutate({ roomId, batchId, giftId, quantity, recipients: [...recipients] });
  }
  const [recipient] = recipients;
  return recipient === undefined ? [] : [await api.gift.send.mutate({ roomId, giftId, quantity, ...recipient })];
}
