import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DevError } from './dev-error.ts';
import { readSettings, toServerEnv } from './environment.ts';
import { findFreePort } from './free-port.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'flylive-env-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const services = { redis: { host: '127.0.0.1', port: 6001 }, laravelUrl: 'http://127.0.0.1:6002' };

test('starts everything of our own when nothing is set', async () => {
  const settings = await readSettings(root, {});
  expect(settings).toMatchObject({ ownRedis: true, ownLaravel: true, host: '127.0.0.1', wantedPort: 3030 });
  expect(settings.internalKey).toMatch(/^[0-9a-f]{64}$/);
  expect((await readSettings(root, {})).internalKey).not.toBe(settings.internalKey);
  expect(toServerEnv(settings, services)).toEqual({
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    PORT: String(settings.port),
    LOG_LEVEL: 'info',
    MEDIASOUP_RTC_BASE_PORT: '0',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: '6001',
    LARAVEL_API_URL: 'http://127.0.0.1:6002',
    LARAVEL_INTERNAL_KEY: settings.internalKey,
    MEDIASOUP_LISTEN_IP: '127.0.0.1',
    MEDIASOUP_ANNOUNCED_IP: '127.0.0.1',
  });
});

test('takes the environment before .env, and .env before its own choice', async () => {
  await writeFile(join(root, '.env'), 'LOG_LEVEL=debug\nREDIS_DB=5\nREDIS_HOST=\nREDIS_PASSWORD=secret\n');
  const settings = await readSettings(root, { LOG_LEVEL: 'warn', MEDIASOUP_ANNOUNCED_IP: '192.0.2.7' });
  const env = toServerEnv(settings, services);
  expect(env).toMatchObject({ LOG_LEVEL: 'warn', REDIS_DB: '5', MEDIASOUP_ANNOUNCED_IP: '192.0.2.7' });
  // The password is for another Redis than ours.
  expect(env).toMatchObject({ REDIS_HOST: '127.0.0.1' });
  expect(env).not.toHaveProperty('REDIS_PASSWORD');
});

test("leaves the user's own Redis and Laravel alone", async () => {
  const own = {
    REDIS_HOST: 'redis.test',
    REDIS_PASSWORD: 'secret',
    LARAVEL_API_URL: 'http://laravel.test',
    LARAVEL_INTERNAL_KEY: 'x'.repeat(32),
  };
  const settings = await readSettings(root, own);
  expect(settings).toMatchObject({ ownRedis: false, ownLaravel: false });
  expect(toServerEnv(settings, { redis: null, laravelUrl: null })).toMatchObject(own);
});

test('takes the next free port', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const settings = await readSettings(root, { PORT: String(port) });
    expect(settings.wantedPort).toBe(port);
    expect(settings.port).toBeGreaterThan(port);
    expect(await findFreePort('127.0.0.1', port)).toBe(null);
  } finally {
    taken.close();
  }
});

test.each<[string, NodeJS.ProcessEnv, RegExp]>([
  ['a Laravel without its key', { LARAVEL_API_URL: 'http://laravel.test' }, /LARAVEL_INTERNAL_KEY must be set/],
  ['a port that is none', { PORT: 'http' }, /PORT=http is not a port/],
  ["a host that is not this machine's", { HOST: '192.0.2.1' }, /HOST=192\.0\.2\.1 cannot be listened on/],
])('refuses %s in one line', async (_, env, message) => {
  const reading = readSettings(root, env);
  await expect(reading).rejects.toThrow(DevError);
  await expect(reading).rejects.toThrow(message);
});

test("refuses what the server would refuse, in the server's words", async () => {
  const reading = readSettings(root, { LARAVEL_INTERNAL_KEY: 'short', REDIS_PROT: '1' });
  await expect(reading).rejects.toThrow(DevError);
  await expect(reading).rejects.toThrow(/REDIS_PROT is not a known setting[^]*LARAVEL_INTERNAL_KEY/);
});
