import { mkdir, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DevError } from './dev-error.ts';
import { findFreePort } from './free-port.ts';
import { askRedis } from './redis-ask.ts';
import { lockDataDir } from './redis-lock.ts';
import { COMMAND_NOT_FOUND, spawnTethered } from './tethered-child.ts';
import type { TetheredChild } from './tethered-child.ts';

export interface PrivateRedisOptions {
  /** Folder of the append-only file, made when missing; `.data/redis` of this repository by default. */
  readonly dataDir?: string;
  /** Port on 127.0.0.1; a free one by default. */
  readonly port?: number;
  /** The program; `redis-server` on the PATH by default. */
  readonly binary?: string;
}

export interface PrivateRedis {
  readonly host: string;
  readonly port: number;
  /** Settles when the server has ended, by `stop()` or by itself; never rejects. */
  readonly exited: Promise<unknown>;
  /** Ends the server (SIGTERM, SIGKILL after 5 s) with everything on disk. Idempotent. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const STOP_GRACE_MS = 5_000;
/** Loading a large append-only file takes its time. */
const START_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 5;

/**
 * Starts a Redis server of our own on the loopback interface, for development and tests: append-only file
 * on disk before it answers, no snapshots, no eviction, as production should have it. It cannot outlive this process.
 *
 * @returns once it answers PING
 * @throws DevError when redis-server is missing or does not start, or when another process uses `dataDir`
 */
export async function startPrivateRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  const requested = options.dataDir ?? fileURLToPath(new URL('../.data/redis', import.meta.url));
  await mkdir(requested, { recursive: true });
  const dataDir = await realpath(requested);

  // Between finding a free port and using it, somebody else can take it.
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort(HOST));
    if (port === null) throw new DevError('There is no free port for Redis on 127.0.0.1.');
    const lock = await lockDataDir(dataDir, port);
    const child = spawnRedis(options.binary ?? 'redis-server', dataDir, port);
    const lastLines = collectLastLines(child);
    try {
      await waitUntilReady(child, port, dataDir, lastLines);
    } catch (error) {
      await child.stop();
      await lock.release();
      const portWasTaken = lastLines().includes('Address already in use');
      if (portWasTaken && options.port === undefined && attempt < PORT_ATTEMPTS) continue;
      throw error;
    }
    const released = child.exited.then(() => lock.release());
    return {
      host: HOST,
      port,
      exited: child.exited,
      async stop() {
        await child.stop();
        await released;
      },
    };
  }
}

function spawnRedis(binary: string, dataDir: string, port: number): TetheredChild {
  const settings = {
    bind: HOST,
    port: String(port),
    dir: dataDir,
    appendonly: 'yes',
    // Answered means on disk, or gifts would be refused.
    appendfsync: 'always',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    loglevel: 'warning',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return spawnTethered(binary, args, { graceMs: STOP_GRACE_MS, output: 'pipe' });
}

/** Keeps what the server said last, for the message of a failed start. */
function collectLastLines(child: TetheredChild): () => string {
  const limit = 2_000;
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-limit);
    });
  }
  return () => text.trim();
}

async function waitUntilReady(
  child: TetheredChild,
  port: number,
  dataDir: string,
  lastLines: () => string,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let exitCode: number | null | undefined;
  void child.exited.then(({ code }) => (exitCode = code));
  while (Date.now() < deadline) {
    if (exitCode === COMMAND_NOT_FOUND) {
      throw new DevError('redis-server is not installed: run "npm run setup", or set REDIS_HOST to use another Redis.');
    }
    if (exitCode !== undefined) {
      throw new DevError(`Redis did not start (exit code ${exitCode}): ${lastLine(lastLines())}`);
    }
    if (await answers(port, dataDir)) return;
    await sleep(20);
  }
  throw new DevError(`Redis did not answer within ${START_TIMEOUT_MS / 1000} s.`);
}

/** False while the port is closed, while the data is being loaded, and when the Redis on that port is another one. */
async function answers(port: number, dataDir: string): Promise<boolean> {
  return askRedis(port, async (redis) => {
    await redis.ping();
    const [, dir] = await redis.config('GET', 'dir');
    return dir === dataDir;
  }).catch(() => false);
}

function lastLine(text: string): string {
  return text === '' ? 'it said nothing' : text.slice(text.lastIndexOf('\n') + 1);
}
