import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { startPrivateRedis } from '../../dev/redis.ts';
import { connectRedis } from '../../src/services/redis/connection.ts';
import { silentLogger } from './media.ts';

/** A real Redis for the tests of one module. */
export interface ModuleRedis extends AsyncDisposable {
  /** A connection as the server makes them; disconnected by {@link disconnectAll}. */
  connect(role: 'commands' | 'subscriber'): Promise<Redis>;
  /** Ends the connections, so that the next test has its own. */
  disconnectAll(): void;
}

/** Starts it on a free port of loopback; empty. */
export async function startModuleRedis(): Promise<ModuleRedis> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flylive-module-'));
  const { host, port, stop } = await startPrivateRedis({ dataDir });
  const connections = new Set<Redis>();
  const disconnectAll = (): void => {
    for (const redis of connections) redis.disconnect();
    connections.clear();
  };
  return {
    async connect(role) {
      const redis = await connectRedis({ host, port, password: null, db: 0 }, role, silentLogger);
      connections.add(redis);
      return redis;
    },
    disconnectAll,
    async [Symbol.asyncDispose]() {
      disconnectAll();
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
