/** A socket that can be told to wait. */
export interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** Calls that may come at once before the rate matters: seconds' worth of the rate. */
const burstSeconds = 4;

/**
 * A token bucket for what one client sends. A client beyond its rate is not refused but read more slowly: its calls wait
 * in its own TCP connection, where they cost nobody anything, and an honest burst is only late.
 */
export class InboundThrottle {
  readonly #socket: PausableSocket;
  readonly #perSecond: number;
  #tokens: number;
  #countedAt = performance.now();
  #timer: NodeJS.Timeout | null = null;

  /** @param perSecond - calls a second in the long run */
  constructor(socket: PausableSocket, perSecond: number) {
    this.#socket = socket;
    this.#perSecond = perSecond;
    this.#tokens = perSecond * burstSeconds;
  }

  /** Takes tokens for calls that have been read, and stops reading when there are none left. */
  count(calls: number): void {
    const now = performance.now();
    const earned = ((now - this.#countedAt) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#tokens + earned, this.#perSecond * burstSeconds) - calls;
    this.#countedAt = now;
    if (this.#tokens >= 0 || this.#timer !== null) return;
    this.#socket.pause();
    // One second's worth is saved up before reading goes on, so that a flood costs one wake-up a second.
    const waitMs = (1 - this.#tokens / this.#perSecond) * 1_000;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#socket.resume();
    }, waitMs);
  }

  /** Ends the wait of a socket that is gone. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
