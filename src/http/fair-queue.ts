/** Somebody who has something to be done. */
export interface Waiting {
  /** Does one thing. To go on, it queues up again. */
  takeTurn(): void;
}

/**
 * Turns between two looks at the network. A call costs the event loop some 0.1 ms, so input of others is never kept
 * waiting for more than about 1 ms, while a client's six subscriptions after a reconnect go at once.
 */
const turnsAtOnce = 8;

/** Lets many take turns, one thing each, and lets input and output of others come between. */
export class FairQueue {
  readonly #waiting: Waiting[] = [];
  #scheduled = false;

  /** Queues up for one turn. */
  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the sockets that are readable now: all of them are in the queue before the first has its turn.
    setImmediate(() => {
      this.#scheduled = false;
      for (let n = 0; n < turnsAtOnce; n += 1) this.#waiting.shift()?.takeTurn();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }
}
