/** Remembers the newest ids, so that what comes twice is noticed without keeping everything for ever. */
export class RecentIds {
  readonly #most: number;
  readonly #ids = new Set<string>();

  /** @param most - how many ids are remembered */
  constructor(most = 1_000) {
    this.#most = most;
  }

  /** @returns whether the id was not remembered before */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    // A set keeps the order of insertion.
    for (const oldest of this.#ids) {
      if (this.#ids.size <= this.#most) break;
      this.#ids.delete(oldest);
    }
    return true;
  }
}
