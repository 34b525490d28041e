import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** A room as the contract describes it. */
export interface Room {
  readonly id: string;
  readonly title: string;
  readonly owner_id: number;
  readonly seat_count: number;
}

/** What the audio server last said about a room. */
export interface RoomStatus {
  readonly is_live: boolean;
  readonly participant_count: number;
  /** ISO 8601. */
  readonly closed_at: string | null;
}

export interface NewRoom {
  /** A UUID or a positive integer in decimal; a new UUID by default. */
  readonly id?: string;
  readonly title: string;
  readonly ownerId: number;
  /** 1-30; 15 by default. */
  readonly seatCount?: number;
}

const DESCRIPTION = 'id, title, owner_id, seat_count';

/** The rooms that Laravel owns. */
export class Rooms {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add({ id = randomUUID(), title, ownerId, seatCount = 15 }: NewRoom): Room {
    this.#database
      .prepare('INSERT INTO rooms (id, title, owner_id, seat_count) VALUES (?, ?, ?, ?)')
      .run(id.toLowerCase(), title, ownerId, seatCount);
    return { id: id.toLowerCase(), title, owner_id: ownerId, seat_count: seatCount };
  }

  /** Ends a room for good: it is no longer listed and cannot be found. */
  close(id: string): void {
    this.#database.prepare('UPDATE rooms SET is_open = 0 WHERE id = ?').run(id.toLowerCase());
  }

  /** The rooms open to join, oldest first. */
  listOpen(): readonly Room[] {
    const rows = this.#database.prepare(`SELECT ${DESCRIPTION} FROM rooms WHERE is_open = 1 ORDER BY rowid`).all();
    return rows as unknown as Room[];
  }

  /** The room, or null when there is none or it is not open to join. */
  findOpen(id: string): Room | null {
    const row = this.#database
      .prepare(`SELECT ${DESCRIPTION} FROM rooms WHERE id = ? AND is_open = 1`)
      .get(id.toLowerCase());
    return (row as Room | undefined) ?? null;
  }

  /** Keeps what the audio server says; absolute values, so saying it twice changes nothing. False: no such room. */
  setStatus(id: string, status: RoomStatus): boolean {
    const { changes } = this.#database
      .prepare('UPDATE rooms SET is_live = ?, participant_count = ?, closed_at = ? WHERE id = ?')
      .run(status.is_live ? 1 : 0, status.participant_count, status.closed_at, id.toLowerCase());
    return changes > 0;
  }
}
