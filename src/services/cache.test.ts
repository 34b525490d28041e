import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CachedValue, KeyedCache } from './cache.ts';

const lifetimeMs = 10_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('cached value', () => {
  it('loads once for all who ask, and again when it is old', async () => {
    const load = vi.fn(() => Promise.resolve(load.mock.calls.length));
    const cached = new CachedValue(lifetimeMs, load);
    expect(await Promise.all([cached.get(), cached.get()])).toEqual([1, 1]);
    expect(await cached.get()).toBe(1);
    vi.advanceTimersByTime(lifetimeMs);
    expect(await cached.get()).toBe(2);
  });

  it('throws what loading throws when there is nothing older, and tries again at once', async () => {
    const load = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new Error('away')).mockResolvedValueOnce('there');
    const cached = new CachedValue(lifetimeMs, load);
    await expect(cached.get()).rejects.toThrow('away');
    expect(await cached.get()).toBe('there');
  });

  it('answers the old value while loading fails, without asking each time', async () => {
    const load = vi.fn<() => Promise<string>>().mockResolvedValueOnce('old').mockRejectedValue(new Error('away'));
    const cached = new CachedValue(lifetimeMs, load);
    await cached.get();
    vi.advanceTimersByTime(lifetimeMs);
    for (let n = 0; n < 10; n += 1) expect(await cached.get()).toBe('old');
    expect(load).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(5_000);
    expect(await cached.get()).toBe('old');
    expect(load).toHaveBeenCalledTimes(3);
  });

  it('does not keep anybody waiting for what hangs once there is an old value', async () => {
    const answers = [Promise.resolve('old'), new Promise<string>(() => undefined)];
    const cached = new CachedValue(lifetimeMs, () => answers.shift() ?? Promise.reject(new Error('asked again')));
    await cached.get();
    vi.advanceTimersByTime(lifetimeMs);
    const first = cached.get();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await first).toBe('old');
    const later = cached.get();
    await vi.advanceTimersByTimeAsync(0);
    expect(await later).toBe('old');
  });

  it('throws rather than answer a value that is older than it may be', async () => {
    const load = vi.fn<() => Promise<string>>().mockResolvedValueOnce('old').mockRejectedValue(new Error('away'));
    const cached = new CachedValue(1_000, load, 5_000);
    await cached.get();
    vi.advanceTimersByTime(2_000);
    expect(await cached.get()).toBe('old');
    vi.advanceTimersByTime(3_000);
    await expect(cached.get()).rejects.toThrow('away');
  });
});

describe('keyed cache', () => {
  it('drops the longest unused key beyond its capacity', async () => {
    const load = vi.fn((key: string) => Promise.resolve(key));
    const cache = new KeyedCache(lifetimeMs, load, 2);
    for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.get(key);
    expect(load.mock.calls.map(([key]) => key)).toEqual(['a', 'b', 'c', 'b']);
  });
});
