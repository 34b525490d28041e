import type { Redis } from 'ioredis';
import type { UserId } from '../core/ids.ts';
import type { RateLimitName } from './rate-limit.ts';
import { rateOverridesKey } from './redis/keys.ts';

/** Uses a minute, by what is limited. */
export type UsesPerMinute = Readonly<Record<RateLimitName, number>>;

/** What one user may do a minute. */
export interface UserRateLimits {
  readonly userId: UserId;
  readonly perMinute: UsesPerMinute;
  /** Which of them an operator has set. */
  readonly overridden: readonly RateLimitName[];
}

/** Limits that an operator has set for single users; they hold until they are cleared, on all nodes at once. */
export class RateLimitOverrides {
  readonly #redis: Redis;
  readonly #usual: UsesPerMinute;

  /** @param usual - what everybody else may */
  constructor(redis: Redis, usual: UsesPerMinute) {
    this.#redis = redis;
    this.#usual = usual;
  }

  async get(userId: UserId): Promise<UserRateLimits> {
    const [chat, gift] = await this.#redis.hmget(rateOverridesKey(userId), 'chat', 'gift');
    const set: Partial<Record<RateLimitName, number>> = {};
    if (typeof chat === 'string') set.chat = Number(chat);
    if (typeof gift === 'string') set.gift = Number(gift);
    return { userId, perMinute: { ...this.#usual, ...set }, overridden: Object.keys(set) as RateLimitName[] };
  }

  /** Sets what is given and leaves the rest; 0 forbids. */
  async set(userId: UserId, perMinute: Partial<UsesPerMinute>): Promise<void> {
    if (Object.keys(perMinute).length > 0) await this.#redis.hset(rateOverridesKey(userId), perMinute);
  }

  async clear(userId: UserId): Promise<void> {
    await this.#redis.del(rateOverridesKey(userId));
  }
}
