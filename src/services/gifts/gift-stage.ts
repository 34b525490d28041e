import { AppError } from '../../core/errors.ts';
import type { GiftEvent } from '../../core/events.ts';
import type { Logger } from '../../core/logger.ts';
import type { RoomStore } from '../room-store.ts';
import type { GiftContent } from './gift-content.ts';
import type { GiftQueue } from './gift-queue.ts';

/** Tells rooms of gifts, by their event logs. Never throws: a gift is accepted whether or not its room can be told. */
export class GiftStage {
  readonly #queue: GiftQueue;
  readonly #store: RoomStore;
  readonly #logger: Logger;

  constructor(queue: GiftQueue, store: RoomStore, logger: Logger) {
    this.#queue = queue;
    this.#store = store;
    this.#logger = logger;
  }

  /**
   * Shows a gift that was accepted. One that could not be shown is shown by whoever settles it; a node that dies between
   * the two steps of this makes that a second time, under the same transaction id.
   *
   * @param event - as JSON
   */
  async show(gift: GiftContent, event: string): Promise<void> {
    try {
      await this.#announce(gift, event);
      await this.#queue.markShown(gift);
    } catch (error) {
      const { transactionId } = gift;
      this.#logger.warn({ err: error, transactionId }, 'An accepted gift could not be shown to its room yet');
    }
  }

  /** Says that a gift which was shown has been rejected. */
  async withdraw(gift: GiftContent): Promise<void> {
    const { transactionId } = gift;
    const event: GiftEvent = { type: 'giftWithdrawn', transactionId };
    try {
      await this.#announce(gift, JSON.stringify(event));
    } catch (error) {
      this.#logger.warn({ err: error, transactionId }, 'A rejected gift could not be withdrawn from its room');
    }
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
