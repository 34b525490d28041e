import { Counter, type Registry } from 'prom-client';
import type { ReplayMeter } from '../services/event-replay.ts';

/** Counts for Prometheus what clients' sockets go through. */
export class SocketMetrics implements ReplayMeter {
  readonly #delayed = new Counter({
    name: 'flylive_calls_delayed_total',
    help: 'Calls and other frames that waited because their user sends more than the rate allows',
    registers: [],
  });
  readonly #unread = new Counter({
    name: 'flylive_connections_cut_unread_total',
    help: 'Connections cut because the client did not read the answers to its calls',
    registers: [],
  });
  readonly #flooding = new Counter({
    name: 'flylive_connections_cut_flooding_total',
    help: 'Connections closed because the client sent too much for too long',
    registers: [],
  });
  readonly #resyncs = new Counter({
    name: 'flylive_resyncs_total',
    help: 'Subscriptions that were given a snapshot, since what they had missed is no longer kept',
    registers: [],
  });

  /** Makes the numbers part of a registry. */
  register(registry: Registry): void {
    for (const metric of [this.#delayed, this.#unread, this.#flooding, this.#resyncs]) registry.registerMetric(metric);
  }

  delayed(): void {
    this.#delayed.inc();
  }

  cutUnread(): void {
    this.#unread.inc();
  }

  cutFlooding(): void {
    this.#flooding.inc();
  }

  resynced(): void {
    this.#resyncs.inc();
  }
}
