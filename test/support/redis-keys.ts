import type { Redis } from 'ioredis';

/** Names of the keys that fit a glob pattern, sorted. */
export async function findKeys(redis: Redis, pattern: string): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
    for (const key of keys) found.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...found].sort();
}

/** Every key that speaks of a room. */
export function findKeysOfRoom(redis: Redis, roomId: string): Promise<string[]> {
  return findKeys(redis, `*{${roomId}}*`);
}
