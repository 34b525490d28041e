import { freemem, loadavg, totalmem } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ConnectionQuality } from '../core/events.ts';
import type { WorkerStats } from '../media/worker-pool.ts';
import type { GiftMetrics, GiftSources } from './gift-metrics.ts';
import type { SocketMetrics } from './socket-metrics.ts';

export interface MetricsSources {
  readonly roomCount: () => number;
  readonly connectionCount: () => number;
  readonly memberQualities: () => Readonly<Record<ConnectionQuality, number>>;
  readonly workerStats: () => Promise<readonly WorkerStats[]>;
  readonly sockets: SocketMetrics;
  readonly gifts: GiftMetrics;
  readonly giftSources: GiftSources;
}

/**
 * Metrics: `/metrics` answers the JSON of the seed (section 12), or Prometheus text to whoever accepts that;
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
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    const metric: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: async () => {
        try {
          metric.set(await read());
        } catch {
          // What cannot be read now, as while Redis is away, must not look like a number.
          metric.set(NaN);
        }
      },
    });
  };
  gauge('flylive_rooms', 'Rooms open on this node', sources.roomCount);
  gauge('flylive_connections', 'WebSocket connections of this node', sources.connectionCount);
  const members: Gauge<'quality'> = new Gauge({
    name: 'flylive_members_by_quality',
    help: 'Members who send audio to this node, by the quality of their connection',
    labelNames: ['quality'],
    registers: [registry],
    collect: () => {
      for (const [quality, count] of Object.entries(sources.memberQualities())) members.set({ quality }, count);
    },
  });
  sources.sockets.register(registry);
  sources.gifts.register(registry, sources.giftSources);

  const perWorker = (name: string, help: string, read: (worker: WorkerStats) => number): void => {
    const metric: Gauge<'worker'> = new Gauge({
      name,
      help,
      labelNames: ['worker'],
      registers: [registry],
      collect: async () => {
        for (const worker of await sources.workerStats()) metric.set({ worker: worker.index }, read(worker));
      },
    });
  };
  perWorker('flylive_worker_alive', '1 while the mediasoup worker lives', ({ alive }) => (alive ? 1 : 0));
  perWorker('flylive_worker_routers', 'Routers of the mediasoup worker', ({ routers }) => routers);
  perWorker('flylive_worker_transports', 'Transports of the mediasoup worker', ({ transports }) => transports);
  perWorker('flylive_worker_consumers', 'Consumers of the mediasoup worker', ({ consumers }) => consumers);
  perWorker(
    'flylive_worker_cpu_seconds',
    'CPU time of the mediasoup worker',
    ({ cpu }) => (cpu.user + cpu.system) / 1_000,
  );
  perWorker('flylive_worker_memory_bytes', 'Largest resident memory of the mediasoup worker', ({ maxRss }) => {
    return maxRss * 1_024;
  });
  return registry;
}
