import { AppError } from '../../core/errors.ts';
import type { GiftEvent } from '../../core/events.ts';
import type { GiftTransactionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import type { RoomStore } from '../room-store.ts';
import type { GiftContent } from './gift-content.ts';
import type { GiftQueue } from './gift-queue.ts';

/**
 * Tells rooms of gifts, by their event logs. Never throws: a gift is accepted whether or not its room can be told. One
 * that could not be shown is shown when it is sent again, or else by whoever settles it. A node that dies between telling
 * the room and noting that makes the room see it a second time, under the same transaction id.
 */
export class GiftStage {
  readonly #queue: GiftQueue;
  readonly #store: RoomStore;
  readonly #logger: Logger;
  /** Being shown by this node, so that nobody here shows it beside. */
  readonly #underWay = new Map<GiftTransactionId, Promise<boolean>>();

  constructor(queue: GiftQueue, store: RoomStore, logger: Logger) {
    this.#queue = queue;
    this.#store = store;
    this.#logger = logger;
  }

  /**
   * Shows a gift that was just accepted.
   *
   * @param event - as JSON
   * @returns whether the room has been told, or is closed
   */
  show(gift: GiftContent, event: string): Promise<boolean> {
    return this.#once(gift, () => this.#show(gift, event));
  }

  /** Shows a gift unless that has been done. @returns as {@link show} */
  showUnseen(gift: GiftContent, event: string): Promise<boolean> {
    return this.#once(gift, async () => {
      if (await this.#queue.isUnseen(gift)) await this.#show(gift, event);
    });
  }

  /** Says that a gift has been rejected. @returns whether the room has been told, or is closed */
  withdraw(gift: GiftContent): Promise<boolean> {
    return this.#attempt(gift, 'A rejected gift could not be withdrawn from its room yet', async () => {
      // Noted first: whoever is showing it meanwhile, and comes after this, withdraws it again.
      await this.#queue.note(gift, 'withdrawn');
      await this.#announceWithdrawal(gift);
    });
  }

  async #show(gift: GiftContent, event: string): Promise<void> {
    await this.#announce(gift, event);
    const isWithdrawn = await this.#queue.note(gift, 'shown');
    if (isWithdrawn) await this.#announceWithdrawal(gift);
  }

  #once(gift: GiftContent, show: () => Promise<void>): Promise<boolean> {
    const { transactionId } = gift;
    const underWay = this.#underWay.get(transactionId);
    if (underWay !== undefined) return underWay;
    const started = this.#attempt(gift, 'An accepted gift could not be shown to its room yet', show).finally(() =>
      this.#underWay.delete(transactionId),
    );
    this.#underWay.set(transactionId, started);
    return started;
  }

  async #attempt({ transactionId }: GiftContent, complaint: string, tell: () => Promise<void>): Promise<boolean> {
    try {
      await tell();
      return true;
    } catch (error) {
      this.#logger.warn({ err: error, transactionId }, complaint);
      return false;
    }
  }

  #announceWithdrawal(gift: GiftContent): Promise<void> {
    const event: GiftEvent = { type: 'giftWithdrawn', transactionId: gift.transactionId };
    return this.#announce(gift, JSON.stringify(event));
  }

  async #announce({ roomId }: GiftContent, event: string): Promise<void> {
    try {
      await this.#store.announceGift(roomId, null, event);
    } catch (error) {
      // A room that has closed meanwhile has nobody to tell.
      if (!(error instanceof AppError && error.code === 'ROOM_NOT_FOUND')) throw error;
    }
  }
}
