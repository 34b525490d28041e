import { v7 as uuidv7 } from 'uuid';
import type { GiftEvent, GiftOutcome as GiftWord } from '../../src/core/events.ts';
import type { Gift } from '../../src/core/model.ts';
import type { Outputs } from './api.ts';
import { Emitter } from './emitter.ts';
import type { Logger } from './logger.ts';
import type { Membership } from './membership.ts';

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

/** What to give to whom. */
export interface GiftOrder {
  readonly giftId: string;
  readonly recipientId: number;
  /** 1 to 9,999; 1 when left out. */
  readonly quantity?: number;
}

/** What to give to whom, a gift each. */
export interface GiftOrderForMany {
  readonly giftId: string;
  /** 1 to 30 users. */
  readonly recipientIds: readonly number[];
  /** Of each gift: 1 to 9,999; 1 when left out. */
  readonly quantity?: number;
}

/** Sends gifts from one room, and tells what becomes of them and of others' gifts to it. */
export class RoomGifts extends Emitter<{
  received: [gift: Gift];
  withdrawn: [transactionId: string];
  settled: [outcome: GiftOutcome];
  rejected: [rejection: GiftRejection];
}> {
  readonly #membership: Membership;
  readonly #logger: Logger;
  /** The newest outcome that was told and not acknowledged yet. */
  #toAcknowledge: string | null = null;
  #acknowledging = false;

  constructor(membership: Membership, logger: Logger) {
    super((error) => logger.warn('A listener of the gifts threw', error));
    this.#membership = membership;
    this.#logger = logger;
  }

  /** See `Room.sendGift`. */
  async send({ giftId, recipientId, quantity = 1 }: GiftOrder): Promise<Outputs['gift']['send']> {
    const { roomId } = this.#membership;
    const transactionId = uuidv7();
    return this.#membership.retry((api) =>
      api.gift.send.mutate({ roomId, transactionId, giftId, recipientId, quantity }),
    );
  }

  /** See `Room.sendGiftToMany`. */
  async sendToMany({ giftId, recipientIds, quantity = 1 }: GiftOrderForMany): Promise<Outputs['gift']['sendToMany']> {
    const { roomId } = this.#membership;
    const recipients = recipientIds.map((recipientId) => ({ transactionId: uuidv7(), recipientId }));
    const batch = { roomId, batchId: uuidv7(), giftId, quantity, recipients };
    return this.#membership.retry((api) => api.gift.sendToMany.mutate(batch));
  }

  /** An event of `gift.onEvent`. */
  receive(event: GiftEvent): void {
    if (event.type === 'giftReceived') this.emit('received', event.gift);
    else this.emit('withdrawn', event.transactionId);
  }

  /** An event of `gift.onOutcome`, and its position. */
  receiveOutcome(word: GiftWord, id: string): void {
    if (word.type === 'giftSettled') this.emit('settled', word);
    else this.emit('rejected', word);
    this.#toAcknowledge = id;
    if (!this.#acknowledging) void this.#acknowledge();
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
