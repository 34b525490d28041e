/** Bounds of {@link fullJitter}. */
export interface BackOff {
  /** Upper bound of the first delay, in ms. */
  readonly baseMs: number;
  /** Upper bound of every delay, in ms. */
  readonly capMs: number;
}

/** For reconnecting: thousands of clients that lost one server must not come back in one instant. */
export const reconnectBackOff: BackOff = { baseMs: 500, capMs: 15_000 };

/**
 * Exponential back-off with full jitter: uniform between 0 and `baseMs * 2 ** attempt`, at most `capMs`.
 *
 * @param attempt - 0 for the first retry
 * @param random - uniform in [0, 1)
 * @returns a delay in ms
 */
export function fullJitter(
  attempt: number,
  backOff: BackOff = reconnectBackOff,
  random: () => number = Math.random,
): number {
  return Math.round(random() * Math.min(backOff.capMs, backOff.baseMs * 2 ** attempt));
}

/** Waits; resolves early, without an error, when `signal` is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
