import { Redis } from 'ioredis';
import type { Logger } from '../../core/logger.ts';

/** Where Redis is. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly password: string | null;
  readonly db: number;
  /** Default: false. */
  readonly tls?: boolean;
}

/** A command that takes longer has failed: ioredis would otherwise wait for ever on a frozen server. */
const commandTimeoutMs = 1_000;
const longestReconnectDelayMs = 2_000;

/**
 * Connects to Redis and waits until it answers.
 *
 * @param role - `commands` for ordinary use; `subscriber` for pub/sub, which must not give up while disconnected
 * @throws Error when Redis cannot be reached or refuses the password within 5 s
 */
export async function connectRedis(
  address: RedisAddress,
  role: 'commands' | 'subscriber',
  logger: Logger,
): Promise<Redis> {
  const redis = new Redis({
    host: address.host,
    port: address.port,
    db: address.db,
    ...(address.tls === true ? { tls: {} } : {}),
    ...(address.password === null ? {} : { password: address.password }),
    lazyConnect: true,
    connectTimeout: 5_000,
    ...(role === 'commands'
      ? { commandTimeout: commandTimeoutMs, maxRetriesPerRequest: 1 }
      : { maxRetriesPerRequest: null }),
    // After a failover the name leads to the new master, this connection to the old one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), longestReconnectDelayMs),
  });
  let reported = false;
  redis.on('error', (error: Error) => {
    if (!reported) logger.warn({ err: error, role }, 'Redis connection failed');
    reported = true;
  });
  redis.on('ready', () => {
    if (reported) logger.info({ role }, 'Redis connection restored');
    reported = false;
  });
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw new Error(`Redis at ${address.host}:${address.port} cannot be used: ${String(error)}`, { cause: error });
  }
  return redis;
}

/**
 * What Redis answers while it cannot do what it is asked, whatever that is: a replica after a failover, a server that
 * starts, is out of memory, or has lost its disk or too many replicas (Redis documentation, error replies).
 */
const refusals = /^(?:READONLY|MASTERDOWN|LOADING|OOM|MISCONF|NOREPLICAS|CLUSTERDOWN|TRYAGAIN)\b/;

/** Whether a command failed because of the state that Redis or the way to it is in, not because of the command. */
export function isRedisUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'MaxRetriesPerRequestError') return true;
  return (
    /^(?:Command timed out|Connection is closed|Stream isn't writeable)/.test(error.message) ||
    refusals.test(error.message)
  );
}
