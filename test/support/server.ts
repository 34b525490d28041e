import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createLaravelStandIn, type LaravelStandIn } from '../../dev/laravel/index.ts';
import { type PrivateRedis, startPrivateRedis } from '../../dev/redis.ts';
import { type App, type AppOverrides, createApp } from '../../src/app.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { createLogger, type Logger } from '../../src/core/logger.ts';
import { type ServerProcess, type ServerProgram, startServerProcess } from './server-process.ts';

const internalKey = 'test-internal-key-of-at-least-32-characters';

export interface TestServerOptions {
  /** Settings beside the usual ones of a test. */
  readonly env?: Record<string, string>;
  /** Log level; `silent` unless a test is being looked into. */
  readonly logLevel?: string;
  /** In the place of a logger of `logLevel`. */
  readonly logger?: Logger;
  /** Stands between the server and its queue of gifts. */
  readonly wrapGiftQueue?: AppOverrides['wrapGiftQueue'];
  /** Changes what the environment cannot, for example Laravel's time limit. */
  readonly adjust?: (config: Config) => Config;
}

/** A server of this process beside the first one. */
export interface OtherServer {
  readonly url: string;
  readonly app: App;
  readonly config: Config;
}

/** A server with a Redis and a back end of its own. */
export interface TestServer extends AsyncDisposable {
  /** http://host:port */
  readonly url: string;
  readonly internalKey: string;
  readonly laravel: LaravelStandIn;
  /** The Redis process; stopping it plays an outage. */
  readonly redis: PrivateRedis;
  /** A connection of the test's own to the server's database: what Laravel would write, what must be gone. */
  readonly store: Redis;
  readonly config: Config;
  readonly app: App;
  /** Another server's worth of parts in this process, on the same Redis and back end. */
  startAnother(env?: Record<string, string>): Promise<OtherServer>;
  /** Another server in a process of its own, on the same Redis and back end. */
  startProcess(env?: Record<string, string>, program?: ServerProgram): Promise<ServerProcess>;
}

/** Starts Redis, the stand-in for Laravel and the server on free ports of loopback; real parts, nothing mocked. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { env = {}, logLevel = 'silent', logger, wrapGiftQueue, adjust = (config: Config) => config } = options;
  await using starting = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'flylive-test-'));
  starting.defer(() => rm(dataDir, { recursive: true, force: true }));
  const redis = await startPrivateRedis({ dataDir });
  starting.defer(() => redis.stop());
  const store = openStore(redis);
  starting.defer(() => store.disconnect());
  const laravel = createLaravelStandIn({ database: ':memory:', internalKey, redis: store });
  await laravel.start();
  starting.defer(() => laravel.close());

  const environment = (more: Record<string, string>): Record<string, string> => ({
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: logLevel,
    REDIS_HOST: redis.host,
    REDIS_PORT: String(redis.port),
    LARAVEL_API_URL: laravel.url,
    LARAVEL_INTERNAL_KEY: internalKey,
    MEDIASOUP_LISTEN_IP: '127.0.0.1',
    MEDIASOUP_RTC_BASE_PORT: '0',
    MEDIASOUP_WORKERS: '2',
    ...env,
    ...more,
  });
  const cleanup = starting.move();

  async function startAnother(more: Record<string, string> = {}): Promise<OtherServer> {
    const config = adjust(loadConfig(environment(more)));
    const app = createApp(config, {
      logger: logger ?? createLogger(config.logLevel),
      ...(wrapGiftQueue === undefined ? {} : { wrapGiftQueue }),
    });
    const url = await app.start();
    cleanup.defer(() => app.stop());
    return { url, app, config };
  }

  async function startProcess(more: Record<string, string> = {}, program?: ServerProgram): Promise<ServerProcess> {
    const started = await startServerProcess(environment(more), program);
    cleanup.defer(() => started.kill());
    return started;
  }

  try {
    const first = await startAnother();
    return {
      ...first,
      internalKey,
      laravel,
      redis,
      store,
      startAnother,
      startProcess,
      [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
    };
  } catch (error) {
    await cleanup.disposeAsync();
    throw error;
  }
}

/** The database number is the default of REDIS_DB. */
function openStore({ host, port }: PrivateRedis): Redis {
  const store = new Redis({ host, port, db: 3, maxRetriesPerRequest: 1 });
  // Redis is stopped on purpose in some tests; commands still reject.
  store.on('error', () => undefined);
  return store;
}
