import { validate as isUuid } from 'uuid';
import type { Logger } from './logger.ts';

/** Where orders outlive a reload of the page; `sessionStorage` and `localStorage` fit. */
export type GiftStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** An order as it goes to the server, with the ids that make it safe to repeat. */
export interface SentOrder {
  readonly roomId: string;
  readonly giftId: string;
  /** Of each gift. */
  readonly quantity: number;
  /** Null for a gift to one member. */
  readonly batchId: string | null;
  /** A gift each; exactly one without a batch id. */
  readonly recipients: readonly { readonly transactionId: string; readonly recipientId: number }[];
  /** When the user asked for it last, on this device's clock, ms since the epoch. */
  readonly orderedAt: number;
  /** When it was sent without an answer last; null while no try of it can be at work on the server. */
  readonly triedAt: number | null;
}

/** The orders of one user that the server has not answered; a copy of them is in the storage. */
export class GiftJournal {
  readonly userId: number;
  readonly #key: string;
  readonly #storage: GiftStorage;
  readonly #logger: Logger;
  readonly #orders: Map<string, SentOrder>;

  constructor(userId: number, storage: GiftStorage, logger: Logger) {
    this.userId = userId;
    this.#key = `flylive.gifts.${userId}`;
    this.#storage = storage;
    this.#logger = logger;
    this.#orders = new Map(this.#read().map((order) => [idOf(order), order]));
  }

  /** Oldest first. */
  get orders(): readonly SentOrder[] {
    return [...this.#orders.values()];
  }

  /** @param id - see {@link idOf} */
  find(id: string): SentOrder | undefined {
    return this.#orders.get(id);
  }

  add(order: SentOrder): void {
    this.#orders.set(idOf(order), order);
    this.#write();
  }

  remove(order: SentOrder): void {
    if (this.#orders.delete(idOf(order))) this.#write();
  }

  #read(): SentOrder[] {
    try {
      const orders: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '[]');
      return Array.isArray(orders) ? orders.filter(isOrder) : [];
    } catch (error) {
      this.#logger.warn('Unanswered gifts of an earlier page cannot be read', error);
      return [];
    }
  }

  #write(): void {
    try {
      if (this.#orders.size === 0) this.#storage.removeItem(this.#key);
      else this.#storage.setItem(this.#key, JSON.stringify(this.orders));
    } catch (error) {
      this.#logger.warn('An unanswered gift would not outlive a reload of the page', error);
    }
  }
}

/** The one id of an order: of its batch, or of its only gift. */
export function idOf({ batchId, recipients }: SentOrder): string {
  return batchId ?? recipients[0]?.transactionId ?? '';
}

/** Whether two orders give the same to the same members of the same room, whatever their ids. */
export function isSameOrder(one: SentOrder, other: SentOrder): boolean {
  const content = ({ roomId, giftId, quantity, batchId, recipients }: SentOrder): string =>
    JSON.stringify([roomId, giftId, quantity, batchId === null, recipients.map(({ recipientId }) => recipientId)]);
  return content(one) === content(other);
}

/** The page's `sessionStorage`, or one that forgets where the browser forbids it. */
export function pageStorage(): GiftStorage {
  try {
    return globalThis.sessionStorage ?? forgetful;
  } catch {
    return forgetful;
  }
}

const forgetful: GiftStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };

function isOrder(value: unknown): value is SentOrder {
  if (typeof value !== 'object' || value === null) return false;
  const { roomId, giftId, quantity, batchId, recipients, orderedAt, triedAt } = value as Record<string, unknown>;
  return (
    typeof roomId === 'string' &&
    typeof giftId === 'string' &&
    typeof quantity === 'number' &&
    (typeof batchId === 'string' || batchId === null) &&
    typeof orderedAt === 'number' &&
    (typeof triedAt === 'number' || triedAt === null) &&
    Array.isArray(recipients) &&
    recipients.length > 0 &&
    recipients.every(isRecipient)
  );
}

function isRecipient(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { transactionId, recipientId } = value as Record<string, unknown>;
  return isUuid(transactionId) && typeof recipientId === 'number';
}
