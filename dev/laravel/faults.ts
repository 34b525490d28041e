import type { MoneyFault } from './gifts.ts';

/** How the stand-in misbehaves, for tests of what the audio server does about it. */
export interface Fault {
  /** Wait this long before anything else, ms. */
  readonly delayMs?: number;
  /** Drop the connection without doing anything. */
  readonly down?: boolean;
  /** Do what was asked, then drop the connection instead of answering: the caller cannot know. */
  readonly loseAnswer?: boolean;
  /** Do what was asked, then wait this long before answering, ms: the caller may have given up. */
  readonly answerLateMs?: number;
  /** Leave every second result out of the answer to a batch of gifts, beginning with the first. */
  readonly dropItems?: boolean;
  /** Be wrong about money. */
  readonly money?: MoneyFault;
  /** Fail when two gifts in opposite directions come at the same moment, as one does that locks the sender first. */
  readonly deadlock?: boolean;
  /** Answer with this HTTP status, without doing anything. */
  readonly status?: number;
  /** The answer's body beside `status` (200 by default): a string goes out as it is, anything else as JSON. */
  readonly body?: unknown;
  /** For so many requests only; for all by default. */
  readonly times?: number;
  /** For this share of the requests, at random, 0 to 1; for all by default. */
  readonly share?: number;
}

/** The faults in force, by path prefix. */
export class Faults {
  readonly #met = new Map<string, number>();
  readonly #faults = new Map<string, { readonly fault: Fault; left: number }[]>();

  /**
   * From now on requests under a path meet a fault; the longest prefix that fits a request wins.
   *
   * @param prefix - for example `/internal/gifts`
   * @param faults - of several a request meets the first one whose share it falls into
   * @throws TypeError when the prefix is no path
   */
  set(prefix: string, ...faults: readonly Fault[]): void {
    if (!prefix.startsWith('/')) throw new TypeError(`a path prefix begins with "/", not "${prefix}"`);
    this.#faults.set(
      prefix,
      faults.map((fault) => ({ fault, left: fault.times ?? Infinity })),
    );
  }

  /** Ends the faults of one prefix, or all of them. */
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
    if (prefix === null) return null;
    const entries = this.#faults.get(prefix) ?? [];
    let lot = Math.random();
    const entry = entries.find(({ fault: { share = 1 } }) => (lot -= share) < 0);
    if (entry === undefined) return null;
    this.#met.set(prefix, this.met(prefix) + 1);
    entry.left -= 1;
    if (entry.left <= 0) entries.splice(entries.indexOf(entry), 1);
    return entry.fault;
  }
}
