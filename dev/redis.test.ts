import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DevError } from './dev-error.ts';
import { askRedis } from './redis-ask.ts';
import { startPrivateRedis } from './redis.ts';

let dataDir: string;
const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  dataDir = await realpath(await mkdtemp(join(tmpdir(), 'flylive-redis-')));
  cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(port?: number) {
  const redis = await startPrivateRedis(port === undefined ? { dataDir } : { dataDir, port });
  cleanups.push(() => redis.stop());
  return redis;
}

test('runs with the settings that production should have', async () => {
  const redis = await start();
  const settings = await askRedis(redis.port, async (client) => {
    const names = ['appendonly', 'appendfsync', 'save', 'maxmemory-policy', 'bind', 'dir'];
    return Promise.all(names.map((name) => client.config('GET', name)));
  });
  expect(settings).toEqual([
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
    ['save', ''],
    ['maxmemory-policy', 'noeviction'],
    ['bind', '127.0.0.1'],
    ['dir', dataDir],
  ]);
});

test('keeps its data over a stop and a start, and leaves no lock behind', async () => {
  const first = await start();
  await askRedis(first.port, (client) => client.set('greeting', 'hello'));
  await first.stop();
  await first.stop();
  await expect(askRedis(first.port, (client) => client.ping())).rejects.toThrow('nobody listens');
  expect(await readdir(dataDir)).toEqual(['appendonlydir']);

  const second = await start();
  expect(await askRedis(second.port, (client) => client.get('greeting'))).toBe('hello');
});

test('uses the port that is asked for, and says when it is taken', async () => {
  const first = await start();
  const otherDir = await mkdtemp(join(tmpdir(), 'flylive-redis-'));
  cleanups.push(() => rm(otherDir, { recursive: true, force: true }));
  const second = startPrivateRedis({ dataDir: otherDir, port: first.port });
  await expect(second).rejects.toThrow(/did not start .*Failed listening on port/);
  await expect(second).rejects.toThrow(DevError);
});

test('says how to get a missing redis-server', async () => {
  const starting = startPrivateRedis({ dataDir, binary: 'no-such-redis-server' });
  await expect(starting).rejects.toThrow(DevError);
  await expect(starting).rejects.toThrow(/npm run setup/);
  expect(await readdir(dataDir)).toEqual([]);
});

test('refuses a folder that another living run uses', async () => {
  await start();
  await expect(startPrivateRedis({ dataDir })).rejects.toThrow(`in use by another run (process ${process.pid})`);
});

test('does not outlive a parent that is killed, and the next start has the data', async () => {
  const program = `
    const { startPrivateRedis } = await import(${JSON.stringify(new URL('./redis.ts', import.meta.url).href)});
    const { port } = await startPrivateRedis({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(port);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string];
  const port = Number(printed);
  await askRedis(port, (client) => client.set('greeting', 'hello'));
  parent.kill('SIGKILL');
  await once(parent, 'exit');

  const redis = await start();
  expect(await askRedis(redis.port, (client) => client.get('greeting'))).toBe('hello');
  await expect(askRedis(port, (client) => client.ping())).rejects.toThrow('nobody listens');
}, 15_000);

test('shuts an orphan down before it touches the data', async () => {
  const orphanPort = await portOfOrphan();
  await askRedis(orphanPort, (client) => client.set('greeting', 'hello'));
  await writeFile(join(dataDir, 'owner.json'), JSON.stringify({ pid: await idOfDeadProcess(), port: orphanPort }));

  const redis = await start();
  await expect(askRedis(orphanPort, (client) => client.ping())).rejects.toThrow('nobody listens');
  expect(await askRedis(redis.port, (client) => client.get('greeting'))).toBe('hello');
});

test.each([
  ['of a machine that was restarted', () => JSON.stringify({ pid: process.pid, port: 1 })],
  ['that a crash cut off', () => '{"pid":'],
])('is not held up by a lock %s', async (_, content) => {
  const lock = join(dataDir, 'owner.json');
  await writeFile(lock, content());
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(lock, hourAgo, hourAgo);
  const redis = await start();
  expect(await askRedis(redis.port, (client) => client.ping())).toBe('PONG');
});

/** A Redis on the folder that nobody looks after. */
async function portOfOrphan(): Promise<number> {
  const first = await start();
  const { port } = first;
  await first.stop();
  const orphan = spawn(
    'redis-server',
    ['--port', String(port), '--dir', dataDir, '--appendonly', 'yes', '--save', ''],
    {
      stdio: 'ignore',
    },
  );
  cleanups.push(async () => orphan.kill('SIGKILL'));
  while ((await askRedis(port, (client) => client.ping()).catch(() => null)) !== 'PONG') await sleep(20);
  return port;
}

async function idOfDeadProcess(): Promise<number | undefined> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid;
}
