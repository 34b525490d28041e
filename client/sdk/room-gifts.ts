import { v5 as uuidv5, v7 as uuidv7 } from 'uuid';
import type { GiftEvent, GiftOutcome as GiftWord } from '../../src/core/events.ts';
import type { Gift, GiftReport } from '../../src/core/model.ts';
import type { Outputs } from './api.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveCode } from './errors.ts';
import type { GiftJournal, SentOrder } from './gift-journal.ts';
import { GiftOrders } from './gift-orders.ts';
import type { GiftAnswers } from './gift-orders.ts';
import type { Logger } from './logger.ts';
import type { Membership } from './membership.ts';
import { RecentIds } from './recent-ids.ts';

/** The outcome of a gift that this user sent. */
export interface GiftOutcome {
  readonly transactionId: string;
  /** The sender's coins afterwards; null when not known. */
  readonly balance: number | null;
}

/** Why a gift that this user sent was not given; nothing was charged. */
export interface GiftRejection {
  readonly transactionId: string;
  readonly code: string;
  readonly reason: string;
}

/** Why a gift that this user sent, and whose answer was missing, was not accepted; nothing was charged. */
export interface GiftNotSent {
  readonly transactionId: string;
  /** What the server refused it for; `GIFT_NOT_SENT` when it never got there. */
  readonly code: FlyLiveCode;
}

/** What to give to whom. */
export interface GiftOrder {
  /** A UUID; the same one again is the same gift, charged at most once. Made by the SDK when left out. */
  readonly transactionId?: string;
  readonly giftId: string;
  readonly recipientId: number;
  /** 1 to 9,999; 1 when left out. */
  readonly quantity?: number;
}

/** What to give to whom, a gift each. */
export interface GiftOrderForMany {
  /** A UUID; the same one again with the same users is the same gifts. Made by the SDK when left out. */
  readonly batchId?: string;
  readonly giftId: string;
  /** 1 to 30 users. */
  readonly recipientIds: readonly number[];
  /** Of each gift: 1 to 9,999; 1 when left out. */
  readonly quantity?: number;
}

interface RoomGiftsEvents extends Record<string, unknown[]> {
  received: [gift: Gift];
  withdrawn: [transactionId: string];
  unanswered: [transactionIds: readonly string[]];
  sent: [transactionId: string];
  notSent: [notSent: GiftNotSent];
  settled: [outcome: GiftOutcome];
  rejected: [rejection: GiftRejection];
}

/** Sends gifts from one room, and tells what becomes of them and of others' gifts to it; each thing once. */
export class RoomGifts extends Emitter<RoomGiftsEvents> {
  readonly #membership: Pick<Membership, 'roomId' | 'retry'>;
  readonly #orders: GiftOrders;
  readonly #logger: Logger;
  readonly #received = new RecentIds();
  readonly #withdrawn = new RecentIds();
  readonly #decided = new RecentIds();
  /** The newest outcome that was told and not acknowledged yet. */
  #toAcknowledge: string | null = null;
  #acknowledging = false;

  /** @param journal - of this user, whatever room the orders in it were for */
  constructor(membership: Pick<Membership, 'roomId' | 'retry'>, journal: GiftJournal, logger: Logger) {
    super((error) => logger.warn('A listener of the gifts threw', error));
    this.#membership = membership;
    this.#logger = logger;
    this.#orders = new GiftOrders(membership, journal, logger);
    this.#orders.on('unanswered', ({ recipients }) => {
      this.emit(
        'unanswered',
        recipients.map(({ transactionId }) => transactionId),
      );
    });
    this.#orders.on('found', (report) => this.#found(report));
    this.#orders.on('unsent', (transactionId, code) => this.emit('notSent', { transactionId, code }));
  }

  /** Begins to find out what became of earlier gifts that are not answered. */
  start(): void {
    this.#orders.start();
  }

  stop(): void {
    this.#orders.stop();
  }

  /** See `Room.sendGift`. */
  async send({ recipientId, transactionId, ...order }: GiftOrder): Promise<Outputs['gift']['send']> {
    const recipients = [{ transactionId: transactionId?.toLowerCase() ?? uuidv7(), recipientId }];
    const [answer] = await this.#send({ ...order, batchId: null, recipients }, transactionId === undefined);
    if (answer === undefined || 'refused' in answer) throw new TypeError('A gift to one member has one answer');
    return answer;
  }

  /** See `Room.sendGiftToMany`. */
  async sendToMany({ recipientIds, ...order }: GiftOrderForMany): Promise<Outputs['gift']['sendToMany']> {
    const batchId = order.batchId?.toLowerCase() ?? uuidv7();
    // Made from the batch's id, so that this one alone says which gifts they are.
    const recipients = recipientIds.map((recipientId) => {
      return { recipientId, transactionId: uuidv5(String(recipientId), batchId) };
    });
    return this.#send({ ...order, batchId, recipients }, order.batchId === undefined);
  }

  /** An event of `gift.onEvent`; after a server's death it may come a second time. */
  receive(event: GiftEvent): void {
    if (event.type === 'giftReceived') {
      const { transactionId } = event.gift;
      this.#orders.settle(transactionId);
      if (this.#received.add(transactionId)) this.emit('received', event.gift);
    } else if (this.#withdrawn.add(event.transactionId)) {
      this.#received.add(event.transactionId);
      this.emit('withdrawn', event.transactionId);
    }
  }

  /** An event of `gift.onOutcome`, and its position. */
  receiveOutcome(word: GiftWord, id: string): void {
    this.#orders.settle(word.transactionId);
    this.#decide(word);
    this.#toAcknowledge = id;
    if (!this.#acknowledging) void this.#acknowledge();
  }

  #send(
    { quantity = 1, ...order }: Pick<SentOrder, 'giftId' | 'batchId' | 'recipients'> & { readonly quantity?: number },
    isNew: boolean,
  ): Promise<GiftAnswers> {
    const { roomId } = this.#membership;
    return this.#orders.send({ ...order, roomId, quantity, orderedAt: Date.now(), triedAt: null }, isNew);
  }

  #found(report: GiftReport): void {
    if (report.status === 'settled') this.#decide({ type: 'giftSettled', ...report });
    else if (report.status === 'rejected') this.#decide({ type: 'giftRejected', ...report });
    else this.emit('sent', report.transactionId);
  }

  /** Tells the final word on a gift, once, whichever way it comes first. */
  #decide(word: GiftWord): void {
    const { transactionId } = word;
    if (!this.#decided.add(transactionId)) return;
    if (word.type === 'giftSettled') this.emit('settled', { transactionId, balance: word.balance });
    else this.emit('rejected', { transactionId, code: word.code, reason: word.reason });
  }

  /** Tells the server what was told, so that another page of this user is not told of it again. */
  async #acknowledge(): Promise<void> {
    this.#acknowledging = true;
    for (let eventId = this.#toAcknowledge; eventId !== null; eventId = this.#toAcknowledge) {
      this.#toAcknowledge = null;
      const acknowledged = { eventId };
      await this.#membership
        .retry((api) => api.gift.acknowledge.mutate(acknowledged))
        .catch((error: unknown) => this.#logger.debug('Outcomes of gifts could not be acknowledged', error));
    }
    this.#acknowledging = false;
  }
}
