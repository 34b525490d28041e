import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './database.ts';

/** One entry of the catalogue. */
export interface Gift {
  readonly id: string;
  readonly name: string;
  /** In coins. */
  readonly price: number;
  readonly icon: string;
}

/** One sent gift, as the audio server hands it over. */
export interface SentGift {
  readonly gift_tx_id: string;
  readonly gift_id: string;
  readonly sender_id: number;
  readonly recipient_id: number;
  readonly room_id: string;
  readonly quantity: number;
  /** What the gifts of one send to several recipients share. */
  readonly batch_id: string | null;
  /** ISO 8601. */
  readonly sent_at: string;
}

export type RejectionCode = 'INSUFFICIENT_BALANCE' | 'UNKNOWN_GIFT' | 'UNKNOWN_RECIPIENT' | 'SELF_GIFT' | 'ID_CONFLICT';

/** The answer to one sent gift. */
export interface GiftResult {
  readonly gift_tx_id: string;
  readonly status: 'settled' | 'duplicate' | 'rejected';
  readonly code: RejectionCode | null;
  readonly reason: string | null;
  /** The sender's coins after the decision; null when there is no such sender. */
  readonly sender_balance: number | null;
}

/** One line of the ledger: a gift and what was decided about it, once and for ever. */
export interface LedgerEntry extends SentGift {
  readonly status: 'settled' | 'rejected';
  readonly code: RejectionCode | null;
  readonly reason: string | null;
  /** What the sender paid and the recipient got; 0 when rejected. */
  readonly coins: number;
  readonly sender_balance: number | null;
  /** ISO 8601. */
  readonly decided_at: string;
}

const reasons: Record<RejectionCode, string> = {
  INSUFFICIENT_BALANCE: 'The balance does not cover the gift.',
  UNKNOWN_GIFT: 'The catalogue has no such gift.',
  UNKNOWN_RECIPIENT: 'There is no such recipient.',
  SELF_GIFT: 'A gift to oneself is not possible.',
  ID_CONFLICT: 'The id belongs to another gift.',
};

/** The catalogue and the money. */
export class Gifts {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add({ id, name, price, icon }: Gift): void {
    this.#database
      .prepare('INSERT INTO gifts (id, name, price, icon) VALUES (?, ?, ?, ?)')
      .run(id.toLowerCase(), name, price, icon);
  }

  /** The catalogue, cheapest first. */
  list(): readonly Gift[] {
    return this.#database.prepare('SELECT * FROM gifts ORDER BY price').all() as unknown as Gift[];
  }

  /** Everything ever decided, oldest first. */
  ledger(): readonly LedgerEntry[] {
    return this.#database.prepare('SELECT * FROM gift_transactions ORDER BY rowid').all() as unknown as LedgerEntry[];
  }

  /**
   * Settles or rejects one gift. Debit, credit and the record of its id are one transaction, and what was decided about
   * an id never changes: a settled one answers `duplicate`, a rejected one its rejection again. Another gift under the id
   * is rejected, and nothing is kept of it.
   *
   * @param options - `forgetIds` plays a back end that does not look whether it knows the id
   */
  settle(sent: SentGift, { forgetIds = false }: { readonly forgetIds?: boolean } = {}): GiftResult {
    return inTransaction(this.#database, () => {
      const earlier = forgetIds ? null : this.#find(sent.gift_tx_id);
      if (earlier !== null) {
        return isSameGift(earlier, sent)
          ? toResult(earlier, 'duplicate')
          : toResult(this.#reject(sent, 'ID_CONFLICT'), 'settled');
      }
      const entry = this.#decide(sent);
      this.#record(entry);
      return toResult(entry, 'settled');
    });
  }

  #find(transactionId: string): LedgerEntry | null {
    const row = this.#database.prepare('SELECT * FROM gift_transactions WHERE gift_tx_id = ?').get(transactionId);
    return (row as LedgerEntry | undefined) ?? null;
  }

  /** Moves the coins when everything is right. */
  #decide(sent: SentGift): LedgerEntry {
    const price = this.#price(sent.gift_id);
    if (sent.sender_id === sent.recipient_id) return this.#reject(sent, 'SELF_GIFT');
    if (price === null) return this.#reject(sent, 'UNKNOWN_GIFT');
    if (this.#balance(sent.recipient_id) === null) return this.#reject(sent, 'UNKNOWN_RECIPIENT');

    const coins = price * sent.quantity;
    const debit = this.#database.prepare(
      'UPDATE wallets SET balance = balance - ?1 WHERE user_id = ?2 AND balance >= ?1',
    );
    if (debit.run(coins, sent.sender_id).changes === 0) return this.#reject(sent, 'INSUFFICIENT_BALANCE');
    this.#database.prepare('UPDATE wallets SET balance = balance + ? WHERE user_id = ?').run(coins, sent.recipient_id);
    return {
      ...sent,
      status: 'settled',
      code: null,
      reason: null,
      coins,
      sender_balance: this.#balance(sent.sender_id),
      decided_at: new Date().toISOString(),
    };
  }

  #reject(sent: SentGift, code: RejectionCode): LedgerEntry {
    return {
      ...sent,
      status: 'rejected',
      code,
      reason: reasons[code],
      coins: 0,
      sender_balance: this.#balance(sent.sender_id),
      decided_at: new Date().toISOString(),
    };
  }

  #record(entry: LedgerEntry): void {
    const insert = this.#database.prepare(`
      INSERT OR REPLACE INTO gift_transactions
        (gift_tx_id, status, code, reason, gift_id, sender_id, recipient_id, room_id, quantity, coins, sender_balance,
         batch_id, sent_at, decided_at)
      VALUES
        (:gift_tx_id, :status, :code, :reason, :gift_id, :sender_id, :recipient_id, :room_id, :quantity, :coins,
         :sender_balance, :batch_id, :sent_at, :decided_at)`);
    insert.run({ ...entry });
  }

  #price(giftId: string): number | null {
    const row = this.#database.prepare('SELECT price FROM gifts WHERE id = ?').get(giftId);
    return (row as { price: number } | undefined)?.price ?? null;
  }

  #balance(userId: number): number | null {
    const row = this.#database.prepare('SELECT balance FROM wallets WHERE user_id = ?').get(userId);
    return (row as { balance: number } | undefined)?.balance ?? null;
  }
}

/** Whether a gift that comes under a known id is the one that the id was decided for. */
function isSameGift(earlier: LedgerEntry, sent: SentGift): boolean {
  const fields = ['gift_id', 'sender_id', 'recipient_id', 'room_id', 'quantity'] as const;
  return fields.every((field) => earlier[field] === sent[field]);
}

function toResult(entry: LedgerEntry, statusOfSettled: 'settled' | 'duplicate'): GiftResult {
  return {
    gift_tx_id: entry.gift_tx_id,
    status: entry.status === 'settled' ? statusOfSettled : 'rejected',
    code: entry.code,
    reason: entry.reason,
    sender_balance: entry.sender_balance,
  };
}
