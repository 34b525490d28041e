import { vi } from 'vitest';

/**
 * Runs `check` again and again until it does not throw.
 *
 * @param withinMs - gives up with the last error after this time
 */
export function eventually<T>(check: () => T | Promise<T>, withinMs = 10_000): Promise<T> {
  return vi.waitFor(check, { timeout: withinMs, interval: 20 });
}
