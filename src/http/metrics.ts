import { freemem, loadavg, totalmem } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { MemberQuality } from '../core/events.ts';
import type { WorkerStats } from '../media/worker-pool.ts';
import { addGauge, shared } from './gauges.ts';
import type { GiftMetrics, GiftSources } from './gift-metrics.ts';
import type { SocketMetrics } from './socket-metrics.ts';

export interface MetricsSources {
  readonly roomCount: () => number;
  readonly connectionCount: () => number;
  readonly memberQualities: () => readonly MemberQuality[];
  readonly workerStats: () => Promise<readonly WorkerStats[]>;
  readonly sockets: SocketMetrics;
  readonly gifts: GiftMetrics;
  readonly giftSources: GiftSources;
}

/**
 * Metrics: `/metrics` answers JSON, or Prometheus text to whoever accepts that;
 * `/metrics/prometheus` always answers the text.
 */
export function mountMetrics(server: FastifyInstance, sources: MetricsSources): void {
  const registry = makeRegistry(sources);

  server.get('/metrics', async (request, reply) => {
    const accept = request.headers.accept ?? '';
    if (/text\/plain|openmetrics/.test(accept)) return sendText(registry, reply);
    const workers = await sources.workerStats();
    return reply.send({
      system: {
        uptime: process.uptime(),
        memory: memoryUsage(),
        cpu: process.cpuUsage(),
        loadAverage: loadavg(),
        freemem: freemem(),
        totalmem: totalmem(),
      },
      application: {
        rooms: sources.roomCount(),
        connections: sources.connectionCount(),
        activeWorkers: workers.filter(({ alive }) => alive).length,
        concurrency: workers.length,
      },
      timestamp: new Date().toISOString(),
    });
  });

  server.get('/metrics/prometheus', (_request, reply) => sendText(registry, reply));
}

function memoryUsage(): Record<'rss' | 'heapTotal' | 'heapUsed' | 'external', number> {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return { rss, heapTotal, heapUsed, external };
}

async function sendText(
  registry: Registry,
  reply: { header(name: string, value: string): { send(body: string): unknown } },
): Promise<unknown> {
  return reply.header('content-type', registry.contentType).send(await registry.metrics());
}

/** Everything that is counted, read when it is asked for. */
function makeRegistry(sources: MetricsSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const { roomCount, connectionCount, memberQualities } = sources;
  addGauge(registry, { name: 'flylive_rooms', help: 'Rooms open on this node' }, roomCount);
  addGauge(registry, { name: 'flylive_connections', help: 'WebSocket connections of this node' }, connectionCount);
  const byQuality = {
    name: 'flylive_members_by_quality',
    help: 'Members who send audio to this node, by the quality of their connection',
    labelNames: ['quality'],
  };
  addGauge(registry, byQuality, () => {
    const members = memberQualities();
    return (['good', 'fair', 'poor'] as const).map((quality) => ({
      labels: { quality },
      value: members.filter((member) => member.quality === quality).length,
    }));
  });
  for (const [name, [help, read]] of Object.entries(connectionGauges)) {
    addGauge(registry, { name: `flylive_members_${name}`, help, labelNames: ['statistic'] }, () =>
      summarize(memberQualities().flatMap((member) => read(member) ?? [])),
    );
  }
  sources.sockets.register(registry);
  sources.gifts.register(registry, sources.giftSources);

  const workerStats = shared(sources.workerStats);
  for (const [name, [help, read]] of Object.entries(workerGauges)) {
    addGauge(registry, { name: `flylive_worker_${name}`, help, labelNames: ['worker'] }, async () =>
      (await workerStats()).map((worker) => ({ labels: { worker: worker.index }, value: read(worker) })),
    );
  }
  return registry;
}

/** What is told of the connections of members who send audio to this node, by the name of the metric. */
const connectionGauges: Readonly<Record<string, readonly [help: string, read: (of: MemberQuality) => number | null]>> =
  {
    loss_ratio: ['Packets lost on the way from members who send audio', ({ loss }) => loss],
    jitter_seconds: ['Jitter of packets from members who send audio', ({ jitterMs }) => jitterMs / 1_000],
    rtt_seconds: ['Round trip to members who send audio', ({ rttMs }) => rttMs && rttMs / 1_000],
  };

/** Nothing at all where nobody has been measured. */
function summarize(values: readonly number[]): { labels: { statistic: string }; value: number }[] {
  if (values.length === 0) return [];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [
    { labels: { statistic: 'mean' }, value: mean },
    { labels: { statistic: 'worst' }, value: Math.max(...values) },
  ];
}

/** What is told of each mediasoup worker, by the name of the metric. */
const workerGauges: Readonly<Record<string, readonly [help: string, read: (worker: WorkerStats) => number]>> = {
  alive: ['1 while the mediasoup worker lives', ({ alive }) => (alive ? 1 : 0)],
  routers: ['Routers of the mediasoup worker', ({ routers }) => routers],
  transports: ['Transports of the mediasoup worker', ({ transports }) => transports],
  consumers: ['Consumers of the mediasoup worker', ({ consumers }) => consumers],
  cpu_seconds: ['CPU time of the mediasoup worker', ({ cpu }) => (cpu.user + cpu.system) / 1_000],
  memory_bytes: ['Largest resident memory of the mediasoup worker', ({ maxRss }) => maxRss * 1_024],
};
