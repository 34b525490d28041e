import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import { findFreePort } from '../../dev/free-port.ts';
import { spawnTethered } from '../../dev/tethered-child.ts';

/** A TURN server on the loopback that checks credentials by a shared secret. */
export interface Coturn extends AsyncDisposable {
  /** For `TURN_URLS`. */
  readonly url: string;
}

/** @param secret - for `TURN_SECRET` */
export async function startCoturn(secret: string): Promise<Coturn> {
  const directory = await mkdtemp(join(tmpdir(), 'flylive-turn-'));
  const port = (await findFreePort('127.0.0.1')) ?? 0;
  const options = [
    ['--listening-ip', '127.0.0.1'],
    ['--relay-ip', '127.0.0.1'],
    ['--listening-port', String(port)],
    ['--min-port', '49500'],
    ['--max-port', '49599'],
    ['--realm', 'flylive.test'],
    ['--use-auth-secret'],
    ['--static-auth-secret', secret],
    ['--allow-loopback-peers'],
    ['--no-tls'],
    ['--no-dtls'],
    ['--no-cli'],
    ['--log-file', 'stdout'],
    ['--pidfile', join(directory, 'pid')],
    ['--userdb', join(directory, 'users')],
    ['-n'],
  ];
  const child = spawnTethered('turnserver', options.flat(), { graceMs: 2_000, output: 'pipe' });
  let logged = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (logged = (logged + text).slice(-20_000)));
  }
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(directory, { recursive: true, force: true });
  };
  const deadline = performance.now() + 10_000;
  while (!(await accepts(port))) {
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`coturn did not start: ${logged}`);
    }
    await sleep(50);
  }
  return { url: `turn:127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
