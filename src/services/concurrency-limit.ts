import { AppError } from '../core/errors.ts';

/** Runs at most so many tasks at a time; the others wait in the order they came. */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #longestWaitMs: number;
  /** A set keeps the order and lets one leave the middle of the queue. */
  readonly #waiting = new Set<() => void>();
  #running = 0;

  /**
   * @param most - tasks at a time
   * @param longestWaitMs - a task that could not begin in this time is refused
   */
  constructor(most: number, longestWaitMs: number) {
    this.#most = most;
    this.#longestWaitMs = longestWaitMs;
  }

  /** @throws AppError SERVICE_UNAVAILABLE when the wait was too long; else whatever the task throws */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  #enter(): Promise<void> {
    if (this.#running < this.#most) {
      this.#running += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(new AppError('SERVICE_UNAVAILABLE'));
      }, this.#longestWaitMs);
      this.#waiting.add(enter);
    });
  }

  /** Hands the place to the next one. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
