import { Counter, type Registry } from 'prom-client';

/** Counts for Prometheus what clients' sockets go through. */
export class SocketMetrics {
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

  /** Makes the numbers part of a registry. */
  register(registry: Registry): void {
    for (const metric of [this.#delayed, this.#unread, this.#flooding]) registry.registerMetric(metric);
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
}
