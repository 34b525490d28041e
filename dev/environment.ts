import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError, loadConfig } from '../src/config.ts';
import { DevError } from './dev-error.ts';
import { findFreePort } from './free-port.ts';

/** What the development stack starts, and with which settings. */
export interface DevSettings {
  /** What the user set, in the environment or in `.env`; empty values left out. */
  readonly userEnv: NodeJS.ProcessEnv;
  /** False when the user names a Redis of their own. */
  readonly ownRedis: boolean;
  /** False when the user names a Laravel of their own. */
  readonly ownLaravel: boolean;
  /** What the server and Laravel share; made for this run unless the user set it. */
  readonly internalKey: string;
  readonly host: string;
  /** Free when it was looked for. */
  readonly port: number;
  /** The port that was wanted. */
  readonly wantedPort: number;
}

const DEFAULT_PORT = 3030;
const PORT_ATTEMPTS = 50;

/**
 * Decides what to start from the user's environment and from `.env` of the repository, if there is one (the environment
 * wins).
 *
 * @throws DevError when the settings do not fit together, when the server would refuse them (then with its own words),
 *   and when no port is free
 */
export async function readSettings(root: string, environment: NodeJS.ProcessEnv): Promise<DevSettings> {
  const envFile = join(root, '.env');
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  const userEnv = withoutEmpty({ ...fromFile, ...environment });

  const ownLaravel = !userEnv['LARAVEL_API_URL'];
  const userKey = userEnv['LARAVEL_INTERNAL_KEY'];
  if (!ownLaravel && !userKey) {
    throw new DevError('LARAVEL_API_URL is set, so LARAVEL_INTERNAL_KEY must be set too: Laravel asks for it.');
  }
  const host = userEnv['HOST'] ?? '127.0.0.1';
  const wantedPort = parsePort(userEnv['PORT']);
  const port = await findFreePort(host, wantedPort, PORT_ATTEMPTS).catch((error: unknown) => {
    throw new DevError(`HOST=${host} cannot be listened on: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (port === null) throw new DevError(`Ports ${wantedPort} to ${wantedPort + PORT_ATTEMPTS - 1} are all in use.`);
  const settings: DevSettings = {
    userEnv,
    ownRedis: !userEnv['REDIS_HOST'],
    ownLaravel,
    internalKey: userKey ?? randomBytes(32).toString('hex'),
    host,
    port,
    wantedPort,
  };
  checkServerEnv(settings);
  return settings;
}

/** The server's environment: what development needs, over it what the user set, over it the services of our own. */
export function toServerEnv(
  settings: DevSettings,
  services: {
    readonly redis: { readonly host: string; readonly port: number } | null;
    readonly laravelUrl: string | null;
  },
): NodeJS.ProcessEnv {
  const { userEnv, host, port, internalKey } = settings;
  const env: NodeJS.ProcessEnv = {
    NODE_ENV: 'development',
    MEDIASOUP_LISTEN_IP: '127.0.0.1',
    MEDIASOUP_ANNOUNCED_IP: '127.0.0.1',
    // Any free ports: several checkouts may run at once.
    MEDIASOUP_RTC_BASE_PORT: '0',
    LOG_LEVEL: 'info',
    ...userEnv,
    HOST: host,
    PORT: String(port),
    LARAVEL_INTERNAL_KEY: internalKey,
  };
  if (services.laravelUrl !== null) env['LARAVEL_API_URL'] = services.laravelUrl;
  if (services.redis !== null) {
    env['REDIS_HOST'] = services.redis.host;
    env['REDIS_PORT'] = String(services.redis.port);
    // Meant for another Redis; ours has no password and would refuse one.
    delete env['REDIS_PASSWORD'];
  }
  return env;
}

/** The server would say the same, but only after all else has started, and then wait for a change that does not help. */
function checkServerEnv(settings: DevSettings): void {
  const env = toServerEnv(settings, {
    redis: settings.ownRedis ? { host: '127.0.0.1', port: 6379 } : null,
    laravelUrl: settings.ownLaravel ? 'http://127.0.0.1' : null,
  });
  try {
    loadConfig(env);
  } catch (error) {
    throw error instanceof ConfigError ? new DevError(error.message) : error;
  }
}

/** `NAME=` in an `.env` file means: not set. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

function parsePort(text: string | undefined): number {
  if (!text) return DEFAULT_PORT;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new DevError(`PORT=${text} is not a port (1 to 65535).`);
  }
  return port;
}
