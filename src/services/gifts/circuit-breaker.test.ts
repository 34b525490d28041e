import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fullJitter } from './back-off.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

describe('the circuit breaker', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    vi.spyOn(Math, 'random').mockReturnValue(1);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  function broken(): CircuitBreaker {
    const breaker = new CircuitBreaker();
    for (let failure = 0; failure < 5; failure += 1) {
      expect(breaker.admit()).toBe(0);
      breaker.fail();
    }
    return breaker;
  }

  it('opens after five failures in a row, not after four and a success', () => {
    const breaker = new CircuitBreaker();
    for (const outcome of ['fail', 'fail', 'fail', 'fail', 'succeed', 'fail'] as const) breaker[outcome]();
    expect(breaker.open).toBe(false);
    expect(broken().open).toBe(true);
  });

  it('lets one through after a pause, and all once that one has succeeded', () => {
    const breaker = broken();
    expect(breaker.admit()).toBe(8_000);
    vi.advanceTimersByTime(8_000);
    expect(breaker.admit()).toBe(0);
    expect(breaker.admit()).toBeGreaterThan(0);
    breaker.succeed();
    expect([breaker.admit(), breaker.admit()]).toEqual([0, 0]);
  });

  it('waits for longer when that one has failed, and as long as it is asked to', () => {
    const breaker = broken();
    vi.advanceTimersByTime(8_000);
    breaker.admit();
    breaker.fail();
    expect(breaker.admit()).toBe(16_000);
    vi.advanceTimersByTime(16_000);
    breaker.admit();
    breaker.fail(45_000);
    expect(breaker.admit()).toBe(45_000);
  });

  it('lets another one through when the first was not wanted', () => {
    const breaker = broken();
    vi.advanceTimersByTime(8_000);
    breaker.admit();
    breaker.cancel();
    expect(breaker.admit()).toBe(0);
  });
});

describe('full jitter', () => {
  it('is anything up to 0.5 s, doubling to 60 s', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    expect([1, 2, 3, 7, 8, 50].map(fullJitter)).toEqual([500, 1_000, 2_000, 32_000, 60_000, 60_000]);
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(fullJitter(8)).toBe(0);
    vi.restoreAllMocks();
  });
});
