import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLaravelStandIn } from './index.ts';
import type { LaravelStandIn } from './index.ts';

/** What tests and the development stack do with the stand-in beside calling it. */

const internalKey = 'k'.repeat(64);
const headers = { 'X-Internal-Key': internalKey, 'Content-Type': 'application/json' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
let laravel: LaravelStandIn;

beforeEach(async () => {
  laravel = createLaravelStandIn({ database: ':memory:', internalKey });
  await laravel.start();
});

afterEach(() => laravel.close());

async function isValid(token: string): Promise<boolean> {
  const body = JSON.stringify({ token });
  const response = await fetch(`${laravel.url}/internal/auth/validate`, { method: 'POST', headers, body });
  return ((await response.json()) as { valid: boolean }).valid;
}

function sendRose(id: string): Promise<Response> {
  const gift = { gift_tx_id: id, gift_id: '2', sender_id: 1, recipient_id: 2, room_id: '1', quantity: 1 };
  const body = JSON.stringify({ gifts: [{ ...gift, sent_at: new Date().toISOString() }] });
  return fetch(`${laravel.url}/internal/gifts/batch`, { method: 'POST', headers, body });
}

describe('faults', () => {
  const gifts = () => fetch(`${laravel.url}/internal/gifts`, { headers });

  test('answer with a status and a body, for the paths and the times that were set', async () => {
    laravel.faults.set('/internal/gifts', { status: 503, times: 2 });
    expect((await gifts()).status).toBe(503);
    expect((await fetch(`${laravel.url}/internal/rooms`, { headers })).status).toBe(200);
    expect((await gifts()).status).toBe(503);
    expect((await gifts()).status).toBe(200);

    laravel.faults.set('/internal/gifts', { body: '<html>' });
    expect(await (await gifts()).text()).toBe('<html>');
    laravel.faults.set('/internal/gifts', { body: { gifts: 'none' } });
    expect(await (await gifts()).json()).toEqual({ gifts: 'none' });
    laravel.faults.clear('/internal/gifts');
    expect((await gifts()).status).toBe(200);
  });

  test('go by the longest prefix', async () => {
    laravel.faults.set('/internal', { status: 500 });
    laravel.faults.set('/internal/gifts', { status: 429 });
    expect((await gifts()).status).toBe(429);
    expect((await fetch(`${laravel.url}/internal/rooms`, { headers })).status).toBe(500);
    laravel.faults.clear();
    expect((await gifts()).status).toBe(200);
  });

  test('drop the connection before anything is done, or after it', async () => {
    const id = '0197a3c4-5e6f-7b28-9d0e-000000000001';
    laravel.faults.set('/internal/gifts/batch', { down: true, times: 1 });
    await expect(sendRose(id)).rejects.toThrow('fetch failed');
    expect(laravel.balance(1)).toBe(10_000);

    laravel.faults.set('/internal/gifts/batch', { loseAnswer: true, times: 1 });
    await expect(sendRose(id)).rejects.toThrow('fetch failed');
    expect(laravel.balance(1)).toBe(9_990);

    const { results } = (await (await sendRose(id)).json()) as { results: unknown[] };
    expect(results).toMatchObject([{ gift_tx_id: id, status: 'duplicate', sender_balance: 9_990 }]);
  });

  test('delay, but never a stop', async () => {
    laravel.faults.set('/internal/gifts', { delayMs: 150, times: 1 });
    const startedAt = performance.now();
    expect((await gifts()).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(145);

    laravel.faults.set('/internal/gifts', { delayMs: 60_000 });
    const waiting = expect(gifts()).rejects.toThrow('fetch failed');
    await vi.waitFor(() => expect(laravel.faults.met('/internal/gifts')).toBe(2));
    await laravel.stop();
    await waiting;
  });

  test('need a path', () => {
    expect(() => laravel.faults.set('internal', { down: true })).toThrow(TypeError);
  });
});

describe('an outage', () => {
  test('stop() refuses connections, start() is back at the same address with the same data', async () => {
    const { url } = laravel;
    const added = laravel.addUser({ name: 'Margaret', balance: 7 });
    await laravel.stop();
    await laravel.stop();
    await expect(fetch(`${url}/internal/gifts`, { headers })).rejects.toThrow('fetch failed');
    expect(await laravel.start()).toBe(url);
    expect(await laravel.start()).toBe(url);
    expect(await isValid(added.token)).toBe(true);
    expect(laravel.balance(added.id)).toBe(7);
  });
});

describe('revocation', () => {
  test('removes a token and sets the key of the form that is asked for', async () => {
    const set = vi.fn(async () => 'OK');
    await laravel.close();
    laravel = createLaravelStandIn({ database: ':memory:', internalKey, redis: { set } });
    await laravel.start();
    const [ada, grace, linus] = laravel.users;

    await laravel.revokeToken(ada!.token);
    expect(set).toHaveBeenLastCalledWith(`auth:revoked:${sha256(ada!.token.split('|')[1]!)}`, '1', 'EX', 86_400);
    await laravel.revokeToken(grace!.token, 'wholeToken');
    expect(set).toHaveBeenLastCalledWith(`auth:revoked:${sha256(grace!.token)}`, '1', 'EX', 86_400);
    await laravel.revokeUser(linus!.id);
    expect(set).toHaveBeenLastCalledWith(`auth:revoked:user:${linus!.id}`, '1', 'EX', 86_400);

    for (const { token } of [ada!, grace!, linus!]) expect(await isValid(token)).toBe(false);
    await expect(laravel.revokeToken(ada!.token)).rejects.toThrow('no such token');
  });
});

describe('a database file', () => {
  test('keeps users, coins and what was decided, and shows no token in the clear', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flylive-laravel-'));
    const database = join(folder, 'below', 'laravel.sqlite');
    const id = '0197a3c4-5e6f-7b28-9d0e-000000000002';
    try {
      await laravel.close();
      laravel = createLaravelStandIn({ database, internalKey });
      await laravel.start();
      await sendRose(id);
      await laravel.revokeUser(3);
      await laravel.close();

      laravel = createLaravelStandIn({ database, internalKey });
      await laravel.start();
      expect(laravel.users.map(({ name }) => name)).toEqual(['Ada', 'Grace']);
      expect(await isValid(laravel.users[0]!.token)).toBe(true);
      expect(laravel.balance(1)).toBe(9_990);
      const { results } = (await (await sendRose(id)).json()) as { results: unknown[] };
      expect(results).toMatchObject([{ status: 'duplicate' }]);
    } finally {
      await laravel.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
