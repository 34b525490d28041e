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

/** How a back end can be wrong about money, each in one way; for tests of what finds it. */
export type MoneyFault =
  /** Decides a gift again that it has decided. */
  | 'forgetIds'
  /** Answers a gift that it knows with the balance of then. */
  | 'staleBalance'
  /** Charges for one, however many are given. */
  | 'ignoreQuantity'
  /** Takes the coins and gives them to nobody. */
  | 'noCredit'
  /** Settles the first gift of a batch id and takes the others for repetitions. */
  | 'batchOnce'
  /** Takes another gift of the same sender under a known id for the same one. */
  | 'compareLittle'
  /** Looks a gift up by the number that its id begins with, as MySQL does with a bigint key. */
  | 'castIds';

/** The answer to one sent gift. */
export interface GiftResult {
  readonly gift_tx_id: string;
  readonly status: 'settled' | 'duplicate' | 'rejected';
  readonly code: RejectionCode | null;
  readonly reason: string | null;
  /** The sender's coins now; null when there is no such sender. */
  readonly sender_balance: number | null;
}

/** One line of the ledger: a gift and what was decided about it, once and for ever. */
export interface LedgerEntry extends SentGift {
  readonly status: 'settled' | 'rejected';
  readonly code: RejectionCode | null;
  readonly reason: string | null;
  /** What the sender paid and the recipient got; 0 when rejected. */
  readonly coins: number;
  /** The sender's coins after the decision. */
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
   * @param fault - what to do wrong
   */
  settle(sent: SentGift, fault: MoneyFault | null = null): GiftResult {
    return inTransaction(this.#database, () => {
      const earlier = this.#findEarlier(sent, fault);
      if (earlier !== null) {
        if (!isSameGift(earlier, sent, fault)) return toResult(this.#reject(sent, 'ID_CONFLICT'), 'settled');
        const balance = fault === 'staleBalance' ? earlier.sender_balance : this.#balance(sent.sender_id);
        return toResult({ ...earlier, gift_tx_id: sent.gift_tx_id, sender_balance: balance }, 'duplicate');
      }
      const entry = this.#decide(sent, fault);
      this.#record(entry);
      return toResult(entry, 'settled');
    });
  }

  #findEarlier({ gift_tx_id, batch_id }: SentGift, fault: MoneyFault | null): LedgerEntry | null {
    if (fault === 'forgetIds') return null;
    const find = (column: 'gift_tx_id' | 'batch_id', value: string) =>
      this.#database.prepare(`SELECT * FROM gift_transactions WHERE ${column} = ?`).get(value);
    const ofBatch = fault === 'batchOnce' && batch_id !== null ? find('batch_id', batch_id) : undefined;
    const row = ofBatch ?? find('gift_tx_id', gift_tx_id);
    return (row as LedgerEntry | undefined) ?? null;
  }

  /** Moves the coins when everything is right. */
  #decide(sent: SentGift, fault: MoneyFault | null): LedgerEntry {
    const price = this.#price(fault === 'castIds' ? String(Number.parseInt(sent.gift_id, 10)) : sent.gift_id);
    if (sent.sender_id === sent.recipient_id) return this.#reject(sent, 'SELF_GIFT');
    if (price === null) return this.#reject(sent, 'UNKNOWN_GIFT');
    if (this.#balance(sent.recipient_id) === null) return this.#reject(sent, 'UNKNOWN_RECIPIENT');

    const coins = fault === 'ignoreQuantity' ? price : price * sent.quantity;
    const debit = this.#database.prepare(
      'UPDATE wallets SET balance = balance - ?1 WHERE user_id = ?2 AND balance >= ?1',
    );
    if (debit.run(coins, sent.sender_id).changes === 0) return this.#reject(sent, 'INSUFFICIENT_BALANCE');
    const credit = this.#database.prepare('UPDATE wallets SET balance = balance + ? WHERE user_id = ?');
    if (fault !== 'noCredit') credit.run(coins, sent.recipient_id);
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
function isSameGift(earlier: LedgerEntry, sent: SentGift, fault: MoneyFault | null): boolean {
  const all = ['sender_id', 'gift_id', 'recipient_id', 'room_id', 'quantity'] as const;
  const fields = fault === 'compareLittle' ? (['sender_id'] as const) : all;
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
