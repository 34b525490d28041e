/** So many of something, and no more. */
export class Quota {
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  /** @returns false when there is none left */
  take(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Gives back one that was taken. */
  release(): void {
    this.#free += 1;
  }

  get free(): number {
    return this.#free;
  }
}
