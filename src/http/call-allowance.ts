/** Calls that may come at once before the rate matters: seconds' worth of the rate. */
const burstSeconds = 4;
/** Accounts are looked through for forgettable ones when there are this many more than after the last look. */
const sweepEvery = 1_000;

/**
 * A token bucket for each client of this process. A client beyond its rate is not refused but served at that rate: an
 * honest burst is only late, and what a flood sends waits in the flood's own connections.
 */
export class CallAllowance {
  readonly #msPerCall: number;
  readonly #burstMs: number;
  /** By client, when all that it has taken would be earned. In the past, the bucket is full and may be forgotten. */
  readonly #earnedAt = new Map<string | number, number>();
  #sweepAbove = sweepEvery;

  /** @param perSecond - calls of one client in the long run */
  constructor(perSecond: number) {
    this.#msPerCall = 1_000 / perSecond;
    this.#burstMs = burstSeconds * 1_000;
  }

  /**
   * Takes what calls cost. It is taken for good: who takes next waits behind, so that calls of one client over several
   * connections take turns.
   *
   * @returns how long the client must wait before the calls are handled, ms
   */
  take(client: string | number, calls: number): number {
    const now = performance.now();
    if (this.#earnedAt.size > this.#sweepAbove) this.#forgetFull(now);
    const earnedAt = Math.max(this.#earnedAt.get(client) ?? 0, now) + calls * this.#msPerCall;
    this.#earnedAt.set(client, earnedAt);
    return Math.max(0, earnedAt - now - this.#burstMs);
  }

  #forgetFull(now: number): void {
    for (const [client, earnedAt] of this.#earnedAt) if (earnedAt <= now) this.#earnedAt.delete(client);
    this.#sweepAbove = this.#earnedAt.size + sweepEvery;
  }
}
