/**
 * The development stack: a private Redis, a stand-in for Laravel, the built page and the server, started in this order
 * and stopped in the opposite one. `npm run dev` runs it after set-up.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeCliAccess, openCliAccess } from './cli-access.ts';
import { buildClient } from './client-build.ts';
import { DevError } from './dev-error.ts';
import { readSettings, toServerEnv } from './environment.ts';
import { createLaravelStandIn } from './laravel/index.ts';
import type { LaravelStandIn } from './laravel/index.ts';
import { startPrivateRedis } from './redis.ts';
import type { PrivateRedis } from './redis.ts';
import { startServer, waitUntilReady } from './server-process.ts';
import { aborted, listenForStop } from './stop-signal.ts';
import { welcome } from './welcome.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

process.exitCode = await run();

/** Runs the stack until it is told to stop; answers the exit code. */
async function run(): Promise<number> {
  const stopping = listenForStop();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    return await runStack(stopping, stops);
  } catch (error) {
    if (!(error instanceof DevError)) throw error;
    printError(error.message);
    return 1;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Starts everything, each with its counterpart in `stops`; returns when it is time to run those. */
async function runStack(stopping: AbortSignal, stops: (() => Promise<unknown>)[]): Promise<number> {
  const settings = await readSettings(root, process.env);
  const redis = settings.ownRedis ? await startPrivateRedis({ dataDir: join(root, '.data/redis') }) : null;
  if (redis !== null) stops.push(() => redis.stop());
  if (stopping.aborted) return 0;

  const laravel = settings.ownLaravel
    ? createLaravelStandIn({ database: join(root, '.data/laravel.sqlite'), internalKey: settings.internalKey })
    : null;
  if (laravel !== null) {
    stops.push(() => laravel.close());
    await laravel.start();
  }

  await buildClient({ root, env: settings.userEnv, print, signal: stopping });
  if (stopping.aborted) return 0;

  if (settings.port !== settings.wantedPort) {
    print(`Port ${settings.wantedPort} is in use; this run takes ${settings.port}.`);
  }
  const serverEnv = toServerEnv(settings, { redis, laravelUrl: laravel?.url ?? null });
  const server = startServer(root, serverEnv);
  stops.push(async () => {
    print('Stopping ...');
    await server.stop();
  });
  const scheme = serverEnv['SSL_CERT_PATH'] === undefined ? 'http' : 'https';
  const url = `${scheme}://${browsable(settings.host)}:${settings.port}`;
  await openCliAccess(root, { url, internalKey: settings.internalKey });
  stops.push(() => closeCliAccess(root));
  const over = new AbortController();
  void waitUntilReady(url, AbortSignal.any([stopping, over.signal])).then((ready) => {
    if (ready) print(welcome({ url, users: laravel?.users ?? [], services: nameServices(redis, laravel) }));
  });

  const reason = await Promise.race([
    aborted(stopping),
    server.exited.then(({ code }) => `The server ended by itself (exit code ${code}).`),
    ...(redis === null ? [] : [redis.exited.then(() => 'Redis ended by itself.')]),
  ]);
  over.abort();
  if (reason === null) return 0;
  printError(reason);
  return 1;
}

/** An address that a browser on this machine can open. */
function browsable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function nameServices(redis: PrivateRedis | null, laravel: LaravelStandIn | null): string[] {
  return [
    redis === null ? 'Redis: yours' : `Redis ${redis.host}:${redis.port}`,
    laravel === null ? 'Laravel: yours' : `Laravel stand-in ${laravel.url}`,
    'data in .data/',
  ];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function printError(message: string): void {
  process.stderr.write(`${message}\n`);
}
