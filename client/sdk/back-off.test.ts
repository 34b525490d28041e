import { describe, expect, it } from 'vitest';
import { delay, fullJitter } from './back-off.ts';

describe('fullJitter', () => {
  const backOff = { baseMs: 500, capMs: 15_000 };

  it('doubles its upper bound up to the cap', () => {
    const bounds = [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) => fullJitter(attempt, backOff, () => 1));
    expect(bounds).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  it('spreads from zero, so that clients of one lost server do not return together', () => {
    expect(fullJitter(5, backOff, () => 0)).toBe(0);
    expect(fullJitter(5, backOff, () => 0.5)).toBe(7_500);
  });
});

describe('delay', () => {
  it('ends early when it is aborted, before or during the wait', async () => {
    const abort = new AbortController();
    const waiting = delay(60_000, abort.signal);
    abort.abort();
    await waiting;
    await delay(60_000, abort.signal);
  });
});
