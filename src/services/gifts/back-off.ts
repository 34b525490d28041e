/** The bounds of the pauses between attempts, ms. */
const firstMs = 500;
const longestMs = 60_000;

/**
 * A pause before the next attempt: anything up to 0.5 s, 1 s, 2 s and so on up to 60 s, so that nodes that failed
 * together do not come back together.
 *
 * @param failures - in a row, 1 or more
 * @returns ms
 */
export function fullJitter(failures: number): number {
  return Math.random() * Math.min(firstMs * 2 ** (failures - 1), longestMs);
}
