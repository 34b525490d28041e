import { Redis } from 'ioredis';

/**
 * Asks the Redis server on a loopback port one thing, on a connection of its own.
 *
 * @param port - on 127.0.0.1
 * @param question - called once the connection is open
 * @returns the question's answer
 * @throws NotListening when nobody listens there; otherwise whatever the question fails with (no answer within 2 s
 *   included)
 */
export async function askRedis<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    // The ready check would wait for a server that is loading its data; the caller decides.
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
  });
  // Without a listener ioredis prints its errors.
  redis.on('error', () => undefined);
  try {
    await redis.connect().catch((error: unknown) => {
      throw new NotListening(`nobody listens on port ${port}`, { cause: error });
    });
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

export class NotListening extends Error {
  override readonly name = 'NotListening';
}
