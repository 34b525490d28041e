/**
 * The server's clock as far as this side can know it. Each event's id tells when it was written, and events can only
 * come late, so the one that seems to have travelled least is the best measure of the difference.
 */
export class ServerClock {
  readonly #localNow: () => number;
  /** This device's clock minus the server's, ms. */
  #ahead = Infinity;

  /** @param localNow - this device's clock, ms since the epoch */
  constructor(localNow: () => number = Date.now) {
    this.#localNow = localNow;
  }

  /** An event came. @param eventId - `<ms>-<sequence>` */
  observe(eventId: string): void {
    const writtenAt = Number(eventId.split('-')[0]);
    if (writtenAt > 0) this.#ahead = Math.min(this.#ahead, this.#localNow() - writtenAt);
  }

  /** The server's time now, ms since the epoch; this device's until an event was seen. */
  now(): number {
    return this.#localNow() - (this.#ahead === Infinity ? 0 : this.#ahead);
  }
}
