import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DevError } from '../dev-error.ts';

/** Raise it with every change of the tables; an older file is then refused instead of failing in odd ways. */
const SCHEMA_VERSION = 3;

const schema = `
  CREATE TABLE users (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    avatar  TEXT
  ) STRICT;

  -- Sanctum's table: the hash of the part after "|", never the token itself.
  CREATE TABLE personal_access_tokens (
    id       INTEGER PRIMARY KEY,
    user_id  INTEGER NOT NULL REFERENCES users (id),
    token    TEXT NOT NULL UNIQUE
  ) STRICT;

  CREATE TABLE rooms (
    id                 TEXT PRIMARY KEY,
    title              TEXT NOT NULL,
    owner_id           INTEGER NOT NULL REFERENCES users (id),
    seat_count         INTEGER NOT NULL CHECK (seat_count BETWEEN 1 AND 30),
    opus_ptime         INTEGER CHECK (opus_ptime IN (20, 40, 60)),
    opus_dtx           INTEGER CHECK (opus_dtx IN (0, 1)),
    seat_mode          TEXT NOT NULL DEFAULT 'free' CHECK (seat_mode IN ('free', 'apply')),
    is_open            INTEGER NOT NULL DEFAULT 1,
    is_live            INTEGER NOT NULL DEFAULT 0,
    participant_count  INTEGER NOT NULL DEFAULT 0,
    closed_at          TEXT
  ) STRICT;

  -- The admins of rooms; the owner is in the room's own row.
  CREATE TABLE room_admins (
    room_id  TEXT NOT NULL REFERENCES rooms (id),
    user_id  INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
  ) STRICT;

  CREATE TABLE room_blocks (
    room_id  TEXT NOT NULL REFERENCES rooms (id),
    user_id  INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
  ) STRICT;

  CREATE TABLE gifts (
    id     TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    price  INTEGER NOT NULL CHECK (price > 0),
    icon   TEXT NOT NULL
  ) STRICT;

  CREATE TABLE wallets (
    user_id  INTEGER PRIMARY KEY REFERENCES users (id),
    balance  INTEGER NOT NULL CHECK (balance >= 0)
  ) STRICT;

  -- Every gift ever decided. The key is what makes it happen once.
  CREATE TABLE gift_transactions (
    gift_tx_id      TEXT PRIMARY KEY,
    status          TEXT NOT NULL CHECK (status IN ('settled', 'rejected')),
    code            TEXT,
    reason          TEXT,
    gift_id         TEXT NOT NULL,
    sender_id       INTEGER NOT NULL,
    recipient_id    INTEGER NOT NULL,
    room_id         TEXT NOT NULL,
    quantity        INTEGER NOT NULL,
    coins           INTEGER NOT NULL,
    sender_balance  INTEGER,
    batch_id        TEXT,
    sent_at         TEXT NOT NULL,
    decided_at      TEXT NOT NULL
  ) STRICT;
`;

/**
 * Opens the stand-in's SQLite database and makes its tables when they are missing.
 *
 * @param location - a file (its folder is made when missing), or `:memory:`
 * @throws DevError when the file was made by another version of the stand-in
 */
export function openDatabase(location: string): DatabaseSync {
  if (location !== ':memory:') mkdirSync(dirname(location), { recursive: true });
  const database = new DatabaseSync(location, { timeout: 5_000 });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
  inTransaction(database, () => {
    const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
    if (version === SCHEMA_VERSION) return;
    if (version !== 0) {
      throw new DevError(`${location} was made by another version of the Laravel stand-in: remove it to start afresh.`);
    }
    database.exec(`${schema} PRAGMA user_version = ${SCHEMA_VERSION};`);
  });
  return database;
}

/** Runs `work` as one transaction: all of it happens, or none. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  // IMMEDIATE takes the write lock now, so what `work` reads cannot change before it writes.
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
