import type { FastifyInstance } from 'fastify';

export interface HealthSources {
  readonly redisAnswers: () => Promise<boolean>;
  readonly workers: () => { readonly count: number; readonly healthy: boolean };
  readonly roomCount: () => number;
  /** What is wrong with gifts, in one word; null when nothing is. */
  readonly giftProblem: () => Promise<string | null>;
  /** False before start-up has finished and from the beginning of shutdown. */
  readonly acceptsWork: () => boolean;
}

/**
 * Health endpoints: `/health` (JSON, 200 `ok` or 503 `degraded`; for people and alarms),
 * `/live` (the process answers; restart it when not) and `/ready` (send traffic here).
 */
export function mountHealth(server: FastifyInstance, sources: HealthSources): void {
  server.get('/health', async (_request, reply) => {
    const redisUp = await sources.redisAnswers();
    const giftProblem = redisUp ? await sources.giftProblem() : null;
    const workers = sources.workers();
    const healthy = redisUp && workers.healthy && giftProblem === null;
    return reply.code(healthy ? 200 : 503).send({
      status: healthy ? 'ok' : 'degraded',
      uptime: process.uptime(),
      redis: redisUp ? 'up' : 'down',
      workers,
      rooms: sources.roomCount(),
      ...(giftProblem === null ? {} : { gifts: giftProblem }),
      timestamp: new Date().toISOString(),
    });
  });

  server.get('/live', () => ({ status: 'ok' }));

  server.get('/ready', async (_request, reply) => {
    const ready = sources.acceptsWork() && sources.workers().healthy && (await sources.redisAnswers());
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
}
