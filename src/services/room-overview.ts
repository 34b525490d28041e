import type { Redis } from 'ioredis';
import type { RoomId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { liveRoomsKey, roomRosterKey, roomSeatsKey, roomStateKey } from './redis/keys.ts';
import type { RoomDirectory } from './room-directory.ts';

/** A room as operators see it in a list. */
export interface RoomOverviewEntry {
  readonly roomId: RoomId;
  readonly title: string;
  readonly ownerId: UserId;
  /** Whether somebody is in, or was until a moment ago. */
  readonly open: boolean;
  /** ms since the epoch; null while it is not open. */
  readonly openedAt: number | null;
  readonly participantCount: number;
  /** How many sit on a seat. */
  readonly seatedCount: number;
}

export interface RoomOverviewRequest {
  /** Only rooms whose title or id contains this, whatever the case; null for all. */
  readonly text: string | null;
  /** Only rooms that are open, or that are not; null for both. */
  readonly open: boolean | null;
  /** Continue after this room; null to begin. */
  readonly cursor: RoomId | null;
  readonly limit: number;
}

type Known = Pick<RoomOverviewEntry, 'roomId' | 'title' | 'ownerId' | 'open' | 'openedAt'>;

/** All rooms there are: those that Laravel lists and those that are open. */
export class RoomOverview {
  readonly #redis: Redis;
  readonly #directory: RoomDirectory;
  readonly #logger: Logger;

  constructor(redis: Redis, directory: RoomDirectory, logger: Logger) {
    this.#redis = redis;
    this.#directory = directory;
    this.#logger = logger;
  }

  /**
   * A page of rooms in the order of their ids. Costs a few commands an open room.
   *
   * @returns `nextCursor` is null at the end
   */
  async list(request: RoomOverviewRequest): Promise<{ rooms: RoomOverviewEntry[]; nextCursor: RoomId | null }> {
    const text = request.text?.toLowerCase() ?? '';
    const { cursor, open, limit } = request;
    const found = (await this.#everyRoom(open !== true))
      .filter((room) => open === null || room.open === open)
      .filter(({ title, roomId }) => title.toLowerCase().includes(text) || roomId.includes(text))
      .filter(({ roomId }) => cursor === null || roomId > cursor)
      .toSorted((a, b) => (a.roomId < b.roomId ? -1 : 1));
    const rooms = await Promise.all(found.slice(0, limit).map((room) => this.#count(room)));
    return { rooms, nextCursor: found.length > limit ? (rooms.at(-1)?.roomId ?? null) : null };
  }

  async #everyRoom(listedToo: boolean): Promise<Known[]> {
    const openIds = (await this.#redis.smembers(liveRoomsKey)) as RoomId[];
    const openRooms = (await Promise.all(openIds.map((roomId) => this.#readOpen(roomId)))).filter(
      (room) => room !== null,
    );
    const rooms = new Map<RoomId, Known>(openRooms.map((room) => [room.roomId, room]));
    for (const { roomId, title, ownerId } of listedToo ? await this.#listed() : []) {
      if (!rooms.has(roomId)) rooms.set(roomId, { roomId, title, ownerId, open: false, openedAt: null });
    }
    return [...rooms.values()];
  }

  /** @returns null for a room that has closed meanwhile */
  async #readOpen(roomId: RoomId): Promise<Known | null> {
    const [title, ownerId, openedAt] = await this.#redis.hmget(roomStateKey(roomId), 'title', 'ownerId', 'openedAt');
    if (typeof openedAt !== 'string') return null;
    return { roomId, title: title ?? '', ownerId: Number(ownerId) as UserId, open: true, openedAt: Number(openedAt) };
  }

  /** Operators must see what is open even when Laravel is away. */
  async #listed(): Promise<Pick<RoomOverviewEntry, 'roomId' | 'title' | 'ownerId'>[]> {
    try {
      return await this.#directory.list();
    } catch (error) {
      this.#logger.warn({ err: error }, 'Laravel did not list its rooms; the overview has the open ones only');
      return [];
    }
  }

  async #count(room: Known): Promise<RoomOverviewEntry> {
    if (!room.open) return { ...room, participantCount: 0, seatedCount: 0 };
    const [participantCount, seatedCount] = await Promise.all([
      this.#redis.zcard(roomRosterKey(room.roomId)),
      this.#redis.hlen(roomSeatsKey(room.roomId)),
    ]);
    return { ...room, participantCount, seatedCount };
  }
}
