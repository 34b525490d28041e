import { fullJitter } from './back-off.ts';

/** Failures in a row after which nobody tries but one. */
const opensAfter = 5;

/**
 * Keeps a node from beating on a back end that is down: after some failures in a row only one attempt is made at a time,
 * with growing pauses, until one succeeds.
 */
export class CircuitBreaker {
  #failures = 0;
  #closedAgainAt = 0;
  #probing = false;

  /** Whether attempts are held back. */
  get open(): boolean {
    return this.#failures >= opensAfter;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Asks for an attempt; one that is granted must be followed by {@link succeed}, {@link fail} or {@link cancel}.
   *
   * @returns 0 when it is granted, else when to ask again, in ms
   */
  admit(): number {
    if (!this.open) return 0;
    const waitMs = this.#closedAgainAt - performance.now();
    if (waitMs > 0) return waitMs;
    // Long enough for the probe that is under way; its end lets the others in.
    if (this.#probing) return probeMs;
    this.#probing = true;
    return 0;
  }

  succeed(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  /** @param atLeastMs - how long the back end wants to be left alone */
  fail(atLeastMs = 0): void {
    this.#failures += 1;
    this.#probing = false;
    this.#closedAgainAt = performance.now() + Math.max(fullJitter(this.#failures), atLeastMs);
  }

  /** The attempt turned out not to be wanted. */
  cancel(): void {
    this.#probing = false;
  }
}

const probeMs = 500;
