import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLaravelStandIn, type LaravelStandIn } from '../laravel/index.ts';
import { namedFaults } from '../laravel/named-faults.ts';
import { checkBackEnd, type CheckResult } from './run.ts';

const key = 'k'.repeat(64);
/** Ample for the stand-in on a busy machine, and what each late answer costs. */
const timeoutMs = 1_000;

describe('the conformance checker', () => {
  let laravel: LaravelStandIn;

  beforeEach(async () => {
    laravel = createLaravelStandIn({ database: ':memory:', internalKey: key });
    await laravel.start();
  });
  afterEach(() => laravel.close());

  const check = (limitMs: number, options: { key?: string; token?: string } = {}): Promise<CheckResult[]> => {
    const subject = { url: laravel.url, key, timeoutMs: limitMs, token: null, sender: null, recipient: null };
    return checkBackEnd({ ...subject, ...options }, () => undefined);
  };
  const misses = (results: readonly CheckResult[]): string[] =>
    results.filter(({ outcome }) => outcome === 'MISS').map(({ name }) => name);

  test('misses nothing in the stand-in', async () => {
    const results = await check(10_000, { token: laravel.users[0]!.token });
    expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(results.length).toBeGreaterThan(20);
  });

  test('says what it could not check', async () => {
    const skipped = (await check(10_000)).filter(({ outcome }) => outcome === 'skip');
    expect(skipped).toMatchObject([{ why: 'needs --token' }]);
  });

  test('finds a wrong key', async () => {
    expect(misses(await check(timeoutMs, { key: 'w'.repeat(64) })).length).toBeGreaterThan(15);
  });

  test.each(Object.keys(namedFaults(0)))(
    'finds the fault %s',
    async (name) => {
      // Late answers need not be late by much.
      const limitMs = name === 'delay' || name === 'commit-then-time-out' ? 200 : timeoutMs;
      const { prefix, fault } = namedFaults(limitMs)[name]!;
      laravel.faults.set(prefix, fault);
      expect(misses(await check(limitMs)).length).toBeGreaterThan(2);
    },
    60_000,
  );
});
