import { v7 as uuidv7 } from 'uuid';
import type { GiftEvent } from '../../src/core/events.ts';
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

/** `gift.status` answers at most this many at once. */
const statusLimit = 100;

/** Sends gifts of one room, and tells the outcome of each exactly once, whatever happened to the connection. */
export class RoomGifts extends Emitter<{
  received: [gift: Gift];
  settled: [outcome: GiftOutcome];
  rejected: [rejection: GiftRejection];
}> {
  readonly #membership: Membership;
  /** Transaction ids whose outcome is not known yet. */
  readonly #pending = new Set<string>();

  constructor(membership: Membership, logger: Logger) {
    super((error) => logger.warn('A listener of the gifts threw', error));
    this.#membership = membership;
  }

  /** See `Room.sendGift`. */
  async send({ giftId, recipientId, quantity = 1 }: GiftOrder): Promise<Outputs['gift']['send']> {
    const { roomId } = this.#membership;
    const transactionId = uuidv7();
    this.#pending.add(transactionId);
    return this.#membership.retry((api) =>
      api.gift.send.mutate({ roomId, transactionId, giftId, recipientId, quantity }),
    );
  }

  /** An event of `gift.onEvent`. */
  receive(event: GiftEvent): void {
    switch (event.type) {
      case 'giftReceived':
        this.emit('received', event.gift);
        break;
      case 'giftSettled':
        if (this.#pending.delete(event.transactionId)) this.emit('settled', event);
        break;
      case 'giftRejected':
        if (this.#pending.delete(event.transactionId)) this.emit('rejected', event);
        break;
    }
  }

  /** Learns what became of gifts while their events could not reach this page. */
  async catchUp(): Promise<void> {
    const transactionIds = [...this.#pending].slice(0, statusLimit);
    if (transactionIds.length === 0) return;
    const answers = await this.#membership.retry((api) => api.gift.status.query({ transactionIds }));
    for (const { transactionId, status } of answers) {
      if (status === 'settled') this.receive({ type: 'giftSettled', transactionId, balance: null });
      if (status === 'rejected') {
        this.receive({ type: 'giftRejected', transactionId, code: 'REJECTED', reason: 'The gift was not accepted.' });
      }
    }
  }
}
