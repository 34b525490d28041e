import { readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DevError } from './dev-error.ts';
import { NotListening, askRedis } from './redis-ask.ts';

/** Exclusive use of a Redis data folder: two servers that append to one file would ruin it. */
export interface DataDirLock {
  release(): Promise<void>;
}

const LOCK_FILE = 'owner.json';
/** A lock older than this whose Redis is not reachable was left behind by a crash (or the machine restarted). */
const STARTING_MS = 10_000;
/** How long a lock may be empty because its owner is about to fill it. */
const WRITING_MS = 1_000;
const SHUTDOWN_TIMEOUT_MS = 10_000;

/**
 * Takes the data folder for this process. What a crashed run left behind is cleared away: a stale file is removed, an
 * orphaned Redis is shut down first. The proof is the server itself, asked which folder it uses, not a process id that
 * may have been given to another program since.
 *
 * @param dataDir - an existing folder, its real path
 * @param port - where this process's Redis will listen
 * @throws DevError when a living process uses the folder
 */
export async function lockDataDir(dataDir: string, port: number): Promise<DataDirLock> {
  const file = join(dataDir, LOCK_FILE);
  const mine = JSON.stringify({ pid: process.pid, port } satisfies LockContent);
  while (!(await create(file, mine))) {
    await waitForStale(file, dataDir);
    await rm(file, { force: true });
  }
  return {
    async release() {
      const current = await readFile(file, 'utf8').catch(() => null);
      if (current === mine) await rm(file, { force: true });
    },
  };
}

/** Who holds a data folder. */
interface LockContent {
  /** The process that started Redis. */
  readonly pid: number;
  /** Where that Redis listens, on 127.0.0.1. */
  readonly port: number;
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (isErrorWithCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Returns once the lock's holder is gone for certain. */
async function waitForStale(file: string, dataDir: string): Promise<void> {
  const deadline = Date.now() + SHUTDOWN_TIMEOUT_MS + STARTING_MS;
  while (Date.now() < deadline) {
    const holder = await readHolder(file);
    if (holder === null) {
      // Unreadable: gone, cut off by a crash, or being written this moment.
      if ((await ageOf(file)) > WRITING_MS) return;
      await sleep(100);
      continue;
    }
    const ownerLives = isAlive(holder.pid);
    const usedDir = await findUsedDir(holder.port, file);
    if (usedDir === null) {
      const starting = ownerLives && (await ageOf(file)) < STARTING_MS;
      if (!starting) return;
    } else if (usedDir !== dataDir) {
      return; // the port belongs to another Redis by now
    } else if (ownerLives) {
      throw new DevError(
        `The data in ${dataDir} is in use by another run (process ${holder.pid}): stop that one first.`,
      );
    } else {
      // The connection ends instead of an answer.
      await askRedis(holder.port, (redis) => redis.shutdown('NOSAVE')).catch(() => 'gone');
    }
    await sleep(100);
  }
  throw new DevError(`An earlier run's Redis still uses ${dataDir} and does not end: stop it, then try again.`);
}

async function readHolder(file: string): Promise<LockContent | null> {
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof content !== 'object' || content === null) return null;
    const { pid, port } = content as Partial<Record<keyof LockContent, unknown>>;
    return Number.isSafeInteger(pid) && Number.isSafeInteger(port) ? { pid: Number(pid), port: Number(port) } : null;
  } catch {
    return null;
  }
}

/** The folder of the Redis on a port, or null when there is no Redis on it. */
async function findUsedDir(port: number, file: string): Promise<string | null> {
  try {
    const [, dir] = await askRedis<string[]>(port, (redis) => redis.config('GET', 'dir'));
    return dir === undefined ? null : await realpath(dir);
  } catch (error) {
    if (error instanceof NotListening) return null;
    if (error instanceof Error && error.message === 'Command timed out') {
      throw new DevError(`The Redis of an earlier run (port ${port}) does not answer: end it, or remove ${file}.`);
    }
    return null; // something that is no Redis
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrorWithCode(error, 'EPERM');
  }
}

async function ageOf(file: string): Promise<number> {
  const modified = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  return Date.now() - modified;
}

function isErrorWithCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
