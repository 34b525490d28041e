import { existsSync } from 'node:fs';
import { get as getOverHttp } from 'node:http';
import { get as getOverHttps } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import pretty from 'pino-pretty';
import { DevError } from './dev-error.ts';
import { serverNodeFlags } from './node-flags.ts';
import { spawnTethered } from './tethered-child.ts';
import type { TetheredChild } from './tethered-child.ts';

const ENTRY = 'src/server.ts';
/** The server allows itself 15 s. */
const STOP_GRACE_MS = 20_000;
const POLL_MS = 200;
const POLL_TIMEOUT_MS = 2_000;

/**
 * Starts the server as a child that is restarted when something in src/ changes; its log lines come out readable.
 *
 * @throws DevError when there is no server to start
 */
export function startServer(root: string, env: NodeJS.ProcessEnv): TetheredChild {
  if (!existsSync(join(root, ENTRY))) throw new DevError(`There is no ${ENTRY} to start.`);
  const args = [...serverNodeFlags, '--watch-path=src', '--watch-preserve-output', ENTRY];
  const child = spawnTethered(process.execPath, args, { cwd: root, env, graceMs: STOP_GRACE_MS, output: 'pipe' });
  const log = pretty({
    colorize: isatty(process.stdout.fd),
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    destination: process.stdout,
  });
  child.stdout?.pipe(log);
  child.stderr?.pipe(process.stderr, { end: false });
  return child;
}

/**
 * Waits until the server answers `GET /ready` with 200, for as long as it takes: a crash while starting is mended by
 * the next change of a source file.
 *
 * @param url - the server's base address
 * @returns false when `signal` was aborted first
 */
export async function waitUntilReady(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isReady(new URL('/ready', url))) return true;
    await sleep(POLL_MS, undefined, { signal }).catch(() => 'stopped');
  }
  return false;
}

function isReady(url: URL): Promise<boolean> {
  return new Promise((resolve) => {
    // Nobody but ourselves answers here, and development certificates are signed by nobody.
    const options = { timeout: POLL_TIMEOUT_MS, agent: false, rejectUnauthorized: false };
    const request = (url.protocol === 'https:' ? getOverHttps : getOverHttp)(url, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}
