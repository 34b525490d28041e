import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userIdSchema } from '../core/ids.ts';
import { RateLimit } from './rate-limit.ts';
import { Scripts } from './redis/scripts.ts';

const user = userIdSchema.parse(7);

describe('a rate limit without Redis', () => {
  let redis: Redis;

  beforeEach(() => {
    // Nobody listens on port 1, and nobody is waited for.
    redis = new Redis({ port: 1, host: '127.0.0.1', maxRetriesPerRequest: 0, enableOfflineQueue: false });
    redis.on('error', () => undefined);
  });
  afterEach(() => redis.disconnect());

  it('counts in this process, where that is better than silence', async () => {
    const limit = new RateLimit(new Scripts(redis, 100), { name: 'chat', perMinute: 2, withoutRedis: 'local' });
    await limit.take(user);
    await limit.take(user);
    await expect(limit.take(user)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await limit.take(userIdSchema.parse(8));
  });

  it('refuses, retryably, where money is at stake', async () => {
    const limit = new RateLimit(new Scripts(redis, 100), { name: 'gift', perMinute: 2, withoutRedis: 'refuse' });
    await expect(limit.take(user)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
  });
});
