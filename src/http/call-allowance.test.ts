import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallAllowance } from './call-allowance.ts';

describe('call allowance', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('lets a burst through at once, and the calls after it at the rate, one by one', () => {
    const allowance = new CallAllowance(10);
    expect(Array.from({ length: 40 }, () => allowance.take('a', 1))).toEqual(Array(40).fill(0));
    expect(allowance.take('a', 1)).toBeCloseTo(100);
    expect(allowance.take('a', 1)).toBeCloseTo(200);
    vi.advanceTimersByTime(200);
    expect(allowance.take('a', 1)).toBeCloseTo(100);
  });

  it('never delays a client that keeps to the rate', () => {
    const allowance = new CallAllowance(10);
    for (let second = 0; second < 100; second += 1) {
      expect(allowance.take('a', 10)).toBe(0);
      vi.advanceTimersByTime(1_000);
    }
  });

  it('saves up no more than a burst', () => {
    const allowance = new CallAllowance(10);
    allowance.take('a', 1);
    vi.advanceTimersByTime(3_600_000);
    expect(allowance.take('a', 40)).toBe(0);
    expect(allowance.take('a', 1)).toBeCloseTo(100);
  });

  it('keeps clients apart, and remembers a debt among any number of others', () => {
    const allowance = new CallAllowance(10);
    allowance.take('debtor', 1_000);
    for (let n = 0; n < 5_000; n += 1) expect(allowance.take(n, 1)).toBe(0);
    vi.advanceTimersByTime(1_000);
    for (let n = 0; n < 5_000; n += 1) expect(allowance.take(n, 1)).toBe(0);
    expect(allowance.take('debtor', 1)).toBeCloseTo(95_100);
  });
});
