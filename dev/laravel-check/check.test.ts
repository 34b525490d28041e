import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLaravelStandIn, type LaravelStandIn } from '../laravel/index.ts';
import { namedFaults } from '../laravel/named-faults.ts';
import { giftsNeeded } from './gift-checks.ts';
import { checkBackEnd, type CheckResult, exitCodeOf, formatSummary } from './run.ts';

const key = 'k'.repeat(64);
/** Ample for the stand-in on a busy machine, and what each late answer costs. */
const timeoutMs = 1_000;

/** Faults in one thing, and by what the checks are called that find them. */
const onlyMisses: Record<string, readonly string[]> = {
  'stale-balance': ['balance of now'],
  'ignore-quantity': ['three of one', 'the recipient is credited'],
  'no-credit': ['the recipient is credited', 'opposite directions'],
  'batch-once': ['batch_id'],
  'compare-little': ['ID_CONFLICT'],
  'cast-ids': ['the other form', 'INSUFFICIENT_BALANCE'],
  deadlock: ['opposite directions'],
};

describe('the conformance checker', () => {
  let laravel: LaravelStandIn;

  beforeEach(async () => {
    laravel = createLaravelStandIn({ database: ':memory:', internalKey: key });
    await laravel.start();
  });
  afterEach(() => laravel.close());

  const check = (
    limitMs: number,
    options: Partial<Parameters<typeof checkBackEnd>[0]> = {},
  ): Promise<CheckResult[]> => {
    const users = { token: null, sender: null, recipient: null, sharePercent: 100 };
    const subject = { url: laravel.url, key, timeoutMs: limitMs, ...users };
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

  test('asks the sender for as many coins as it says, and the recipient for none', async () => {
    const token = laravel.users[0]!.token;
    const give = (balance: number): Promise<CheckResult[]> => {
      const [sender, recipient] = [balance, 0].map((coins) => laravel.addUser({ name: 'Ann', balance: coins }).id);
      return check(10_000, { token, sender: sender!, recipient: recipient! });
    };
    expect(misses(await give(giftsNeeded))).toEqual([]);
    expect(misses(await give(giftsNeeded - 1))).toHaveLength(1);
  });

  test('says by its exit code what was missed and what was not checked', async () => {
    const complete = await check(10_000, { token: laravel.users[0]!.token });
    expect(exitCodeOf(complete)).toBe(0);
    expect(formatSummary(complete)).toMatch(/ 0 skipped$/);
    const incomplete = complete.map((result, index) =>
      index === 0 ? { ...result, outcome: 'skip' as const } : result,
    );
    expect(exitCodeOf(incomplete)).toBe(3);
    expect(formatSummary(incomplete)).toMatch(/ 1 skipped: not everything was checked$/);
    const missed = incomplete.map((result, index) => (index === 1 ? { ...result, outcome: 'MISS' as const } : result));
    expect(exitCodeOf(missed)).toBe(1);
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
      const missed = misses(await check(limitMs));
      expect(missed.length).toBeGreaterThan(0);
      const only = onlyMisses[name];
      if (only) expect(missed).toEqual(only.map((part) => expect.stringContaining(part)));
    },
    60_000,
  );

  test('names everything by which another gift was not told from the first', async () => {
    laravel.faults.set('/internal/gifts/batch', { money: 'compareLittle' });
    const missed = (await check(timeoutMs)).find(({ outcome }) => outcome === 'MISS');
    for (const field of ['quantity', 'gift_id', 'room_id', 'recipient_id']) expect(missed?.why).toContain(field);
  });

  test('takes the share that a recipient gets into account', async () => {
    const token = laravel.users[0]!.token;
    expect(misses(await check(timeoutMs, { token, sharePercent: 50 }))).toHaveLength(1);
    laravel.faults.set('/internal/gifts/batch', { money: 'noCredit' });
    const results = await check(timeoutMs, { token, sharePercent: 0 });
    expect(results.filter(({ outcome }) => outcome === 'skip')).toHaveLength(2);
    expect(misses(results)).toEqual([]);
  });
});
