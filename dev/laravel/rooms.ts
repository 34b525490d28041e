import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** A room as the contract describes it. */
export interface Room {
  readonly id: string;
  readonly title: string;
  readonly owner_id: number;
  readonly seat_count: number;
  readonly seat_mode: SeatMode;
  readonly blocked_user_ids: readonly number[];
  /** Left out: what the audio server is configured for. */
  readonly opus_ptime?: 20 | 40 | 60;
  readonly opus_dtx?: boolean;
}

export type SeatMode = 'free' | 'apply';
export type Role = 'owner' | 'admin' | 'member';

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
  /** `free` by default. */
  readonly seatMode?: SeatMode;
  /** ms of audio a packet. */
  readonly opusPtime?: 20 | 40 | 60;
  readonly opusDtx?: boolean;
}

const DESCRIPTION = `id, title, owner_id, seat_count, seat_mode, opus_ptime, opus_dtx,
  (SELECT json_group_array(user_id) FROM room_blocks WHERE room_id = id) AS blocked_user_ids`;

interface Row {
  readonly id: string;
  readonly title: string;
  readonly owner_id: number;
  readonly seat_count: number;
  readonly seat_mode: SeatMode;
  readonly opus_ptime: 20 | 40 | 60 | null;
  readonly opus_dtx: 0 | 1 | null;
  /** A JSON array. */
  readonly blocked_user_ids: string;
}

/** The rooms that Laravel owns. */
export class Rooms {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  add({ id = randomUUID(), title, ownerId, seatCount = 15, seatMode = 'free', opusPtime, opusDtx }: NewRoom): Room {
    const row: Row = {
      id: id.toLowerCase(),
      title,
      owner_id: ownerId,
      seat_count: seatCount,
      seat_mode: seatMode,
      opus_ptime: opusPtime ?? null,
      opus_dtx: opusDtx === undefined ? null : opusDtx ? 1 : 0,
      blocked_user_ids: '[]',
    };
    const columns = 'id, title, owner_id, seat_count, seat_mode, opus_ptime, opus_dtx';
    this.#database
      .prepare(`INSERT INTO rooms (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(row.id, row.title, row.owner_id, row.seat_count, row.seat_mode, row.opus_ptime, row.opus_dtx);
    return describe(row);
  }

  /** Makes a user an admin of a room, or an ordinary member again. */
  setAdmin(id: string, userId: number, isAdmin: boolean): void {
    const sql = isAdmin
      ? 'INSERT OR IGNORE INTO room_admins (room_id, user_id) VALUES (?, ?)'
      : 'DELETE FROM room_admins WHERE room_id = ? AND user_id = ?';
    this.#database.prepare(sql).run(id.toLowerCase(), userId);
  }

  /** Blocks a user in a room, or lifts that. */
  setBlocked(id: string, userId: number, isBlocked: boolean): void {
    const sql = isBlocked
      ? 'INSERT OR IGNORE INTO room_blocks (room_id, user_id) VALUES (?, ?)'
      : 'DELETE FROM room_blocks WHERE room_id = ? AND user_id = ?';
    this.#database.prepare(sql).run(id.toLowerCase(), userId);
  }

  setTitle(id: string, title: string): void {
    this.#database.prepare('UPDATE rooms SET title = ? WHERE id = ?').run(title, id.toLowerCase());
  }

  setOwner(id: string, userId: number): void {
    this.#database.prepare('UPDATE rooms SET owner_id = ? WHERE id = ?').run(userId, id.toLowerCase());
  }

  setSeatMode(id: string, mode: SeatMode): void {
    this.#database.prepare('UPDATE rooms SET seat_mode = ? WHERE id = ?').run(mode, id.toLowerCase());
  }

  /** What a user is in a room, or null when there is no such room or the user has no role there. */
  roleOf(id: string, userId: number): Role | null {
    const key = id.toLowerCase();
    if (this.findOpen(key)?.owner_id === userId) return 'owner';
    const admin = this.#database
      .prepare('SELECT 1 FROM room_admins WHERE room_id = ? AND user_id = ?')
      .get(key, userId);
    return admin === undefined ? null : 'admin';
  }

  /** Ends a room for good: it is no longer listed and cannot be found. */
  close(id: string): void {
    this.#database.prepare('UPDATE rooms SET is_open = 0 WHERE id = ?').run(id.toLowerCase());
  }

  /** The rooms open to join, oldest first. */
  listOpen(): readonly Room[] {
    const rows = this.#database.prepare(`SELECT ${DESCRIPTION} FROM rooms WHERE is_open = 1 ORDER BY rowid`).all();
    return (rows as unknown as Row[]).map(describe);
  }

  /** The room, or null when there is none or it is not open to join. */
  findOpen(id: string): Room | null {
    const row = this.#database
      .prepare(`SELECT ${DESCRIPTION} FROM rooms WHERE id = ? AND is_open = 1`)
      .get(id.toLowerCase());
    return row === undefined ? null : describe(row as unknown as Row);
  }

  /** Keeps what the audio server says; absolute values, so saying it twice changes nothing. False: no such room. */
  setStatus(id: string, status: RoomStatus): boolean {
    const { changes } = this.#database
      .prepare('UPDATE rooms SET is_live = ?, participant_count = ?, closed_at = ? WHERE id = ?')
      .run(status.is_live ? 1 : 0, status.participant_count, status.closed_at, id.toLowerCase());
    return changes > 0;
  }
}

function describe({ opus_ptime: ptime, opus_dtx: dtx, blocked_user_ids: blocked, ...room }: Row): Room {
  return {
    ...room,
    blocked_user_ids: JSON.parse(blocked) as number[],
    ...(ptime === null ? {} : { opus_ptime: ptime }),
    ...(dtx === null ? {} : { opus_dtx: dtx === 1 }),
  };
}
