import { Gauge, type Registry } from 'prom-client';

/** One number, or one for each set of labels. */
export type GaugeReading =
  number | readonly { readonly labels: Record<string, string | number>; readonly value: number }[];

/**
 * Adds a gauge that is read when it is asked for.
 *
 * @param read - a number, or one for each set of labels; what it throws, as while Redis is away, makes the gauge NaN (or
 *   leaves a labelled one out), so that what is not known never looks like a number and the other metrics are answered
 * @param labelNames - the names of the labels. Default: none.
 */
export function addGauge(
  registry: Registry,
  { name, help, labelNames = [] }: { readonly name: string; readonly help: string; readonly labelNames?: string[] },
  read: () => GaugeReading | Promise<GaugeReading>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect: async () => {
      const reading = await Promise.resolve()
        .then(read)
        .catch(() => NaN);
      gauge.reset();
      if (typeof reading !== 'number') for (const { labels, value } of reading) gauge.set(labels, value);
      else if (labelNames.length === 0) gauge.set(reading);
    },
  });
}

/** Has all who ask at the same time share one answer: metrics are collected at once. */
export function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | null = null;
  return () => (asking ??= ask().finally(() => (asking = null)));
}
