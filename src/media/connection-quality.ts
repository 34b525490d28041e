import type { ConnectionMeasure, ConnectionQuality } from '../core/events.ts';

type Metric = keyof ConnectionMeasure;

/**
 * Above which values a connection is no longer good, or poor.
 *
 * - `loss`: ITU-T G.1010 asks for less than 3 % in conversational voice; at 10 % words are missing in spite of Opus'
 *   error correction.
 * - `jitterMs`: 30 ms is the usual limit for voice; beyond 60 ms three packets of 20 ms must be buffered.
 * - `rttMs`: ITU-T G.114 recommends at most 150 ms from mouth to ear and warns of more than 400 ms. A voice passes two
 *   connections, so each may take half of that one way, which is the whole of it there and back.
 */
const bounds: Readonly<Record<Metric, { readonly fair: number; readonly poor: number }>> = {
  loss: { fair: 0.03, poor: 0.1 },
  jitterMs: { fair: 30, poor: 60 },
  rttMs: { fair: 150, poor: 400 },
};
/** A bound that was exceeded has to be fallen below by this factor to count as kept again. */
const relief = 0.7;
/** So many measures in a row must be better before the class is. */
const measuresToImprove = 2;

/** Classes in order, the worst highest. */
export const ranks = { good: 0, fair: 1, poor: 2 } as const;

/**
 * The class of one measure: that of its worst value. What is unknown (null) does not count.
 *
 * @param before - the class until now: its bounds are kept again only well below them, so that it does not flap
 */
export function classify(measure: ConnectionMeasure, before: ConnectionQuality = 'good'): ConnectionQuality {
  const exceeds = (quality: 'fair' | 'poor'): boolean => {
    const factor = ranks[before] >= ranks[quality] ? relief : 1;
    return (Object.keys(bounds) as Metric[]).some(
      (metric) => (measure[metric] ?? 0) > bounds[metric][quality] * factor,
    );
  };
  if (exceeds('poor')) return 'poor';
  return exceeds('fair') ? 'fair' : 'good';
}

/** The class of a connection over time: it gets worse at once, and better only when that lasts. */
export class QualityTrend {
  #quality: ConnectionQuality | null = null;
  #better = 0;

  /** Takes the next measure; answers the class from now on. */
  update(measure: ConnectionMeasure): ConnectionQuality {
    const next = classify(measure, this.#quality ?? 'good');
    this.#better = this.#quality !== null && ranks[next] < ranks[this.#quality] ? this.#better + 1 : 0;
    if (this.#quality === null || ranks[next] > ranks[this.#quality] || this.#better >= measuresToImprove) {
      this.#quality = next;
      this.#better = 0;
    }
    return this.#quality;
  }
}
