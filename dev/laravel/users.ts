import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from './database.ts';

export interface User {
  readonly id: number;
  readonly name: string;
  readonly avatar: string | null;
}

/** A user whose plain token is known: Sanctum shows it once, when it is made. */
export interface UserWithToken extends User {
  /** `id|secret`, as Sanctum writes it. */
  readonly token: string;
}

export interface NewUser {
  /** Laravel's key; the next free one by default. */
  readonly id?: number;
  readonly name: string;
  readonly avatar?: string | null;
  /** Coins; 10,000 by default. */
  readonly balance?: number;
  /** The part of the token after `|`; random by default. */
  readonly secret?: string;
}

const STARTING_BALANCE = 10_000;

/** Users with their wallets and personal access tokens, as Laravel and Sanctum keep them. */
export class Users {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Makes a user with a wallet and one token. */
  add({ id, name, avatar = null, balance = STARTING_BALANCE, secret = newSecret() }: NewUser): UserWithToken {
    return inTransaction(this.#database, () => {
      const insertUser = this.#database.prepare('INSERT INTO users (id, name, avatar) VALUES (?, ?, ?)');
      const userId = Number(insertUser.run(id ?? null, name, avatar).lastInsertRowid);
      this.#database.prepare('INSERT INTO wallets (user_id, balance) VALUES (?, ?)').run(userId, balance);
      return { id: userId, name, avatar, token: this.addToken(userId, secret) };
    });
  }

  /** Gives a user one more token. */
  addToken(userId: number, secret = newSecret()): string {
    const insert = this.#database.prepare('INSERT INTO personal_access_tokens (user_id, token) VALUES (?, ?)');
    return `${Number(insert.run(userId, sha256(secret)).lastInsertRowid)}|${secret}`;
  }

  find(id: number): User | null {
    const row = this.#database.prepare('SELECT id, name, avatar FROM users WHERE id = ?').get(id);
    return (row as User | undefined) ?? null;
  }

  /** The user whom a plain token belongs to, or null when it is not (or no longer) valid. */
  findByToken(plainToken: string): User | null {
    const row = this.#findToken(plainToken);
    return row === null ? null : this.find(row.user_id);
  }

  /** Removes one token, as a log-out does. Answers the hash that Sanctum kept of it, or null when it was not valid. */
  deleteToken(plainToken: string): string | null {
    const row = this.#findToken(plainToken);
    if (row === null) return null;
    this.#database.prepare('DELETE FROM personal_access_tokens WHERE id = ?').run(row.id);
    return row.token;
  }

  /** Removes all tokens of a user, as a ban or a change of password does. */
  deleteTokensOf(userId: number): void {
    this.#database.prepare('DELETE FROM personal_access_tokens WHERE user_id = ?').run(userId);
  }

  /** The user's coins, or null when there is no such user. */
  balance(userId: number): number | null {
    const row = this.#database.prepare('SELECT balance FROM wallets WHERE user_id = ?').get(userId);
    return (row as { balance: number } | undefined)?.balance ?? null;
  }

  /** Sanctum's `PersonalAccessToken::findToken`: `id|secret`, or the bare secret. */
  #findToken(plainToken: string): TokenRow | null {
    const separator = plainToken.indexOf('|');
    if (separator === -1) {
      const byHash = this.#database.prepare('SELECT * FROM personal_access_tokens WHERE token = ?');
      return (byHash.get(sha256(plainToken)) as TokenRow | undefined) ?? null;
    }
    const byId = this.#database.prepare('SELECT * FROM personal_access_tokens WHERE id = ?');
    const row = byId.get(plainToken.slice(0, separator)) as TokenRow | undefined;
    if (row === undefined) return null;
    const hash = sha256(plainToken.slice(separator + 1));
    return timingSafeEqual(Buffer.from(row.token), Buffer.from(hash)) ? row : null;
  }
}

interface TokenRow {
  readonly id: number;
  readonly user_id: number;
  readonly token: string;
}

/** Hexadecimal SHA-256, the form of Sanctum's token column. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function newSecret(): string {
  return randomBytes(24).toString('hex');
}
