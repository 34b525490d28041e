import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { isRedisUnavailable } from './redis/connection.ts';
import { rateCounterKey, rateOverridesKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';

/** What is limited, by user and minute. */
export type RateLimitName = 'chat' | 'gift';

export interface RateLimitOptions {
  readonly name: RateLimitName;
  /** For users for whom an operator has set nothing else (rate-limit-overrides.ts). */
  readonly perMinute: number;
  /**
   * When Redis does not answer: `local` counts in this process instead (chat goes on), `refuse` refuses with
   * SERVICE_UNAVAILABLE (gifts are money).
   */
  readonly withoutRedis: 'local' | 'refuse';
}

/** Limits how often a user does something, over all nodes and connections. One round trip a call. */
export class RateLimit {
  readonly #scripts: Scripts;
  readonly #options: RateLimitOptions;
  readonly #local: RateLimiterMemory;

  constructor(scripts: Scripts, options: RateLimitOptions) {
    this.#scripts = scripts;
    this.#options = options;
    this.#local = new RateLimiterMemory({ points: options.perMinute, duration: 60 });
  }

  /** @throws AppError RATE_LIMITED with the wait in ms; SERVICE_UNAVAILABLE (see `withoutRedis`) */
  async take(userId: UserId): Promise<void> {
    const waitMs = await this.#count(userId);
    if (waitMs > 0) throw new AppError('RATE_LIMITED', { details: { retryAfterMs: waitMs } });
  }

  async #count(userId: UserId): Promise<number> {
    const { name, perMinute, withoutRedis } = this.#options;
    try {
      const keys = [rateCounterKey(name, userId), rateOverridesKey(userId)];
      return Number(await this.#scripts.run('take-use', keys, [name, perMinute]));
    } catch (error) {
      if (!isRedisUnavailable(error)) throw error;
      if (withoutRedis === 'refuse') throw new AppError('SERVICE_UNAVAILABLE', { cause: error });
      return this.#countLocally(userId);
    }
  }

  async #countLocally(userId: UserId): Promise<number> {
    try {
      await this.#local.consume(userId);
      return 0;
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return Math.max(refusal.msBeforeNext, 1);
      throw refusal;
    }
  }
}
