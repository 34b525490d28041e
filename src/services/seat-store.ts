import type { Redis } from 'ioredis';
import type { RoomId, UserId } from '../core/ids.ts';
import { roomSeatsKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';
import type { MemberKey } from './room-store.ts';

/** The seats of rooms in Redis. Each method is one atomic step and one round trip. */
export class SeatStore {
  readonly #redis: Redis;
  readonly #scripts: Scripts;

  constructor(redis: Redis, scripts: Scripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  async isSeated(roomId: RoomId, userId: UserId): Promise<boolean> {
    return (await this.#redis.hvals(roomSeatsKey(roomId))).includes(String(userId));
  }

  /**
   * @param seat - 0-based; null for the first free seat
   * @throws AppError NOT_IN_ROOM, ALREADY_SEATED, SEAT_NOT_FOUND, SEAT_TAKEN, NO_FREE_SEAT
   */
  async take({ roomId, userId, sessionId }: MemberKey, seat: number | null): Promise<{ seat: number }> {
    const [taken] = await this.#scripts.change('take-seat', roomId, [userId, sessionId, seat ?? '']);
    return { seat: Number(taken) };
  }

  /** @throws AppError NOT_IN_ROOM, NOT_SEATED */
  async leave({ roomId, userId, sessionId }: MemberKey): Promise<void> {
    await this.#scripts.change('leave-seat', roomId, [userId, sessionId]);
  }
}
