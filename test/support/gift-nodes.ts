import { fileURLToPath } from 'node:url';
import { spawnTethered, type TetheredChild } from '../../dev/tethered-child.ts';
import type { CrashPoint } from './crash-points.ts';

const entry = fileURLToPath(new URL('./gift-node.ts', import.meta.url));

/** How a process ends that was killed by SIGKILL; null where its whole group was. */
const killedCode = 137;

/** A running node of its own process. */
export interface GiftNode {
  readonly url: string;
  /** Settles when it was killed; rejects when it ended otherwise, which no node may. */
  readonly exited: Promise<true>;
  kill(): Promise<void>;
}

/**
 * Starts a node.
 *
 * @param env - its settings
 * @param crash - where it dies, at the how manieth time
 * @returns null when it died before it was ready
 */
export async function startGiftNode(
  env: Readonly<Record<string, string>>,
  crash: { readonly point: CrashPoint; readonly times: number } | null,
): Promise<GiftNode | null> {
  const args = crash === null ? [] : [crash.point, String(crash.times)];
  const child = spawnTethered(process.execPath, [entry, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    graceMs: 10_000,
    output: 'pipe',
  });
  const url = await readAddress(child);
  if (url === null) return null;
  const exited = child.exited.then(({ code }): true => {
    if (code !== null && code !== killedCode) throw new Error(`A node ended by itself, with ${code}`);
    return true;
  });
  exited.catch(() => undefined);
  return {
    url,
    exited,
    kill: async () => {
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // Dead already.
        }
      }
      await child.exited;
    },
  };
}

async function readAddress(child: TetheredChild): Promise<string | null> {
  let text = '';
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (complaint = (complaint + chunk).slice(-2_000)));
  const said = new Promise<string>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-2_000);
      const url = /^(http:\S+)$/m.exec(text)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const url = await Promise.race([said, child.exited.then(({ code }) => code)]);
  if (typeof url === 'string') return url;
  // Killed by itself is what it is for; anything else is a fault of the test.
  if (url !== null && url !== killedCode) throw new Error(`A node did not start: ${complaint}`);
  return null;
}
