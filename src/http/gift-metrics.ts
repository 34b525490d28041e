import { Counter, Histogram, type Registry } from 'prom-client';
import type { GiftMeter } from '../services/gifts/gift-meter.ts';
import type { GiftBacklog } from '../services/gifts/gift-review.ts';
import { addGauge, shared } from './gauges.ts';

/** What is read when it is asked for. */
export interface GiftSources {
  /** Of all nodes. */
  readonly backlog: () => Promise<GiftBacklog>;
  /** Whether this node's attempts are held back or useless. */
  readonly paused: () => boolean;
}

/** Counts gifts for Prometheus. */
export class GiftMetrics implements GiftMeter {
  readonly #accepted = counter('accepted', 'Gifts made durable by this node');
  readonly #settled = counter('settled', 'Gifts that this node learned to be settled');
  readonly #rejected = counter('rejected', 'Gifts that this node learned to be rejected');
  readonly #retries = counter('retries', 'Gifts that were sent to the back end by this node and stayed undecided');
  readonly #putAside = counter('put_aside', 'Gifts that this node has put aside for an operator');
  readonly #flush = new Histogram({
    name: 'flylive_gifts_flush_seconds',
    help: 'Time to send one batch of gifts and deal with the answer',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [],
  });

  /** Makes the numbers part of a registry. */
  register(registry: Registry, { backlog, paused }: GiftSources): void {
    for (const metric of [this.#accepted, this.#settled, this.#rejected, this.#retries, this.#putAside, this.#flush]) {
      registry.registerMetric(metric);
    }
    const depths = {
      flylive_gifts_pending: ['Gifts that the back end has not decided yet, of all nodes', 'pending'],
      flylive_gifts_in_flight: ['Gifts that are being settled, of all nodes', 'inFlight'],
      flylive_gifts_under_review: ['Gifts that wait for an operator, of all nodes', 'underReview'],
      flylive_gifts_oldest_pending_seconds: ['How long the oldest pending gift has waited', 'oldestMs'],
    } as const;
    const look = shared(backlog);
    for (const [name, [help, field]] of Object.entries(depths)) {
      addGauge(registry, { name, help }, async () => (await look())[field] / (field === 'oldestMs' ? 1_000 : 1));
    }
    const pause = {
      name: 'flylive_gifts_paused',
      help: '1 while this node does not get through to the back end with gifts',
    };
    addGauge(registry, pause, () => (paused() ? 1 : 0));
  }

  accepted(count: number): void {
    this.#accepted.inc(count);
  }

  decided(outcome: 'settled' | 'rejected', count: number): void {
    (outcome === 'settled' ? this.#settled : this.#rejected).inc(count);
  }

  retried(count: number): void {
    this.#retries.inc(count);
  }

  putAside(count: number): void {
    this.#putAside.inc(count);
  }

  flushed(seconds: number): void {
    this.#flush.observe(seconds);
  }
}

function counter(what: string, help: string): Counter {
  return new Counter({ name: `flylive_gifts_${what}_total`, help, registers: [] });
}
