import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';

export interface RateLimitOptions {
  /** Part of the Redis key: `rate:<name>:<user id>`. */
  readonly name: string;
  readonly perMinute: number;
  /**
   * When Redis does not answer: `local` counts in this process instead (chat goes on), `refuse` refuses with
   * SERVICE_UNAVAILABLE (gifts are money).
   */
  readonly withoutRedis: 'local' | 'refuse';
}

/** Limits how often a user does something, over all nodes and connections. One round trip a call. */
export class RateLimit {
  readonly #limiter: RateLimiterRedis;

  constructor(redis: Redis, { name, perMinute, withoutRedis }: RateLimitOptions) {
    const window = { keyPrefix: `rate:${name}`, points: perMinute, duration: 60 };
    this.#limiter = new RateLimiterRedis({
      ...window,
      storeClient: redis,
      ...(withoutRedis === 'local' ? { insuranceLimiter: new RateLimiterMemory(window) } : {}),
    });
  }

  /** @throws AppError RATE_LIMITED with the wait in ms; SERVICE_UNAVAILABLE (see `withoutRedis`) */
  async take(userId: UserId): Promise<void> {
    try {
      await this.#limiter.consume(userId);
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) {
        throw new AppError('RATE_LIMITED', { details: { retryAfterMs: Math.max(refusal.msBeforeNext, 1) } });
      }
      throw new AppError('SERVICE_UNAVAILABLE', { cause: refusal });
    }
  }
}
