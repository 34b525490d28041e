import type { GiftTransactionId } from '../../core/ids.ts';
import type { QueuedGift } from './gift-content.ts';

/** How often one of the suspects is sent, ms; each may cost a whole time-out of Laravel. */
const aloneEveryMs = 15_000;
/** More are not remembered; the forgotten ones are found again. */
const mostSuspects = 1_000;

/**
 * Gifts that Laravel did not answer while it answered others. They are sent alone and now and then, so that they hold up
 * nobody, until they are decided or put aside for having waited too long.
 */
export class Suspects {
  /** Those that were not sent for longest first. */
  readonly #ids = new Set<GiftTransactionId>();
  #nextAt = 0;

  /** Divides a batch. @returns what to send together, and the suspect, if any, whose turn it is to be sent alone */
  divide(gifts: readonly QueuedGift[]): { readonly others: readonly QueuedGift[]; readonly due: QueuedGift | null } {
    const others = gifts.filter(({ order }) => !this.#ids.has(order.transactionId));
    if (others.length === gifts.length || performance.now() < this.#nextAt) return { others, due: null };
    const claimed = new Map(gifts.map((gift) => [gift.order.transactionId, gift]));
    const id = [...this.#ids].find((suspect) => claimed.has(suspect));
    return { others, due: (id === undefined ? undefined : claimed.get(id)) ?? null };
  }

  /** Notes that gifts were not answered while others were. */
  add(gifts: readonly QueuedGift[]): void {
    if (gifts.length === 0) return;
    this.#nextAt = performance.now() + aloneEveryMs;
    for (const { order } of gifts) {
      this.#ids.delete(order.transactionId);
      this.#ids.add(order.transactionId);
    }
    for (const id of this.#ids) {
      if (this.#ids.size <= mostSuspects) break;
      this.#ids.delete(id);
    }
  }

  /** Notes that a gift was answered after all. */
  remove({ order }: QueuedGift): void {
    this.#ids.delete(order.transactionId);
  }
}
