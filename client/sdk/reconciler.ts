import { delay, fullJitter } from './back-off.ts';
import type { FlyLiveError } from './errors.ts';
import { toFlyLiveError } from './errors.ts';

/** Errors of a call that was made while there was no membership; joining again kicks the reconciler. */
const waitsForRejoin = new Set<string>(['CONNECTION_LOST', 'CLOSED', 'NOT_IN_ROOM']);

/**
 * Brings a present state to a wanted one, one step at a time: a kick runs the step, kicks during a step run it once more
 * after it, and a step that fails in a retryable way is run again after a back-off.
 */
export class Reconciler {
  readonly #step: () => Promise<void>;
  readonly #onProblem: (error: FlyLiveError) => void;
  #due = false;
  #running = false;
  #closed = false;
  #wake = new AbortController();

  /**
   * @param step - compares wanted with present and does what is missing; it must be safe to repeat
   * @param onProblem - told the error of a step that repeating cannot mend
   */
  constructor(step: () => Promise<void>, onProblem: (error: FlyLiveError) => void) {
    this.#step = step;
    this.#onProblem = onProblem;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Says that wanted or present has changed. */
  kick(): void {
    this.#due = true;
    this.#wake.abort();
    if (!this.#running) void this.#run();
  }

  /** Ends; a step that is under way finds {@link closed} true. */
  close(): void {
    this.#closed = true;
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let attempt = 0; this.#due && !this.#closed;) {
      this.#due = false;
      try {
        await this.#step();
        attempt = 0;
      } catch (thrown) {
        const error = toFlyLiveError(thrown);
        if (this.#closed || waitsForRejoin.has(error.code)) continue;
        if (!error.retryable) {
          this.#onProblem(error);
          continue;
        }
        this.#due = true;
        this.#wake = new AbortController();
        await delay(Math.max(error.retryAfterMs ?? 0, fullJitter(attempt)), this.#wake.signal);
        attempt += 1;
      }
    }
    this.#running = false;
  }
}
