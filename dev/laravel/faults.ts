/** How the stand-in misbehaves, for tests of what the audio server does about it. */
export interface Fault {
  /** Wait this long before anything else, ms. */
  readonly delayMs?: number;
  /** Drop the connection without doing anything. */
  readonly down?: boolean;
  /** Do what was asked, then drop the connection instead of answering: the caller cannot know. */
  readonly loseAnswer?: boolean;
  /** Answer with this HTTP status, without doing anything. */
  readonly status?: number;
  /** The answer's body beside `status` (200 by default): a string goes out as it is, anything else as JSON. */
  readonly body?: unknown;
  /** For so many requests only; for all by default. */
  readonly times?: number;
}

/** The faults in force, by path prefix. */
export class Faults {
  readonly #met = new Map<string, number>();
  readonly #faults = new Map<string, { readonly fault: Fault; left: number }>();

  /**
   * From now on requests under a path meet a fault; the longest prefix that fits a request wins.
   *
   * @param prefix - for example `/internal/gifts`
   * @throws TypeError when the prefix is no path
   */
  set(prefix: string, fault: Fault): void {
    if (!prefix.startsWith('/')) throw new TypeError(`a path prefix begins with "/", not "${prefix}"`);
    this.#faults.set(prefix, { fault, left: fault.times ?? Infinity });
  }

  /** Ends the fault of one prefix, or all of them. */
  clear(prefix?: string): void {
    if (prefix === undefined) this.#faults.clear();
    else this.#faults.delete(prefix);
  }

  /** How many requests have met a fault of this prefix so far. */
  met(prefix: string): number {
    return this.#met.get(prefix) ?? 0;
  }

  /** The fault that a request meets, counted as used; null when it meets none. */
  take(path: string): Fault | null {
    const prefix = [...this.#faults.keys()]
      .filter((candidate) => path.startsWith(candidate))
      .reduce<string | null>(
        (longest, candidate) => (candidate.length > (longest?.length ?? 0) ? candidate : longest),
        null,
      );
    const entry = prefix === null ? undefined : this.#faults.get(prefix);
    if (prefix === null || entry === undefined) return null;
    this.#met.set(prefix, this.met(prefix) + 1);
    entry.left -= 1;
    if (entry.left <= 0) this.#faults.delete(prefix);
    return entry.fault;
  }
}
