import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../../dev/free-port.ts';
import { serverNodeFlags } from '../../dev/node-flags.ts';
import { spawnTethered } from '../../dev/tethered-child.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const startMs = 20_000;

/** A server in a process of its own. */
export interface ServerProcess {
  /** http://host:port */
  readonly url: string;
  /** Ends it as a power cut does: SIGKILL to the server and its workers, no goodbye. Idempotent. */
  kill(): Promise<void>;
  /** Ends it as an operator does: SIGTERM. */
  stop(): Promise<void>;
}

/** What a server process runs. */
export interface ServerProgram {
  /** The file, from the project's directory. */
  readonly entry: string;
  readonly args: readonly string[];
}

/**
 * Runs a server as `npm start` does.
 *
 * @param env - its settings; `PORT` is chosen here
 * @param program - src/server.ts by default
 * @returns once it is ready
 * @throws Error when it ends or is not ready in time; with what it wrote last
 */
export async function startServerProcess(
  env: Record<string, string>,
  { entry, args }: ServerProgram = { entry: 'src/server.ts', args: [] },
): Promise<ServerProcess> {
  const port = await findFreePort('127.0.0.1');
  const url = `http://127.0.0.1:${port}`;
  const child = spawnTethered(process.execPath, [...serverNodeFlags, entry, ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env, HOST: '127.0.0.1', PORT: String(port) },
    graceMs: 10_000,
    output: 'pipe',
  });
  let written = '';
  let ended = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (written = (written + text).slice(-2_000)));
  }
  void child.exited.then(() => (ended = true));

  const kill = async (): Promise<void> => {
    if (!ended && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await child.exited;
  };
  const deadline = performance.now() + startMs;
  while (!(await isReady(url))) {
    if (ended || performance.now() > deadline) {
      await kill();
      throw new Error(`The server process did not start: ${written}`);
    }
    await sleep(50);
  }
  return {
    url,
    kill,
    stop: async () => {
      await child.stop();
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`)).ok;
  } catch {
    return false;
  }
}
