import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askWorkers } from '../support/admin.ts';
import { toRefusal } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('the HTTP endpoints of a node', () => {
  let server: TestServer;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.url}${path}`, { headers });

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('say that it is well, in the words of the specification', async () => {
    await using member = await enter(server, addRoom(server));
    const response = await get('/health');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('application/json');
    const body = (await response.json()) as Record<string, unknown>;
    expect(Object.keys(body)).toEqual(['status', 'uptime', 'redis', 'workers', 'rooms', 'timestamp']);
    expect(body).toMatchObject({ status: 'ok', redis: 'up', workers: { count: 2, healthy: true }, rooms: 1 });
    expect(body['uptime']).toBeGreaterThan(0);
    expect(new Date(body['timestamp'] as string).toISOString()).toBe(body['timestamp']);
    await member.trpc.room.leave.mutate({ roomId: member.roomId });
  });

  it('count in JSON, in the words of the specification', async () => {
    await using member = await enter(server, addRoom(server));
    const response = await get('/metrics');
    expect(response.status).toBe(200);
    const body = (await response.json()) as Record<'system' | 'application' | 'timestamp', Record<string, unknown>>;
    expect(Object.keys(body)).toEqual(['system', 'application', 'timestamp']);
    expect(Object.keys(body.system)).toEqual(['uptime', 'memory', 'cpu', 'loadAverage', 'freemem', 'totalmem']);
    expect(Object.keys(body.system['memory'] as object)).toEqual(['rss', 'heapTotal', 'heapUsed', 'external']);
    expect(Object.keys(body.system['cpu'] as object)).toEqual(['user', 'system']);
    expect(body.system['loadAverage']).toHaveLength(3);
    expect(body.application).toMatchObject({ rooms: 1, connections: 1, activeWorkers: 2, concurrency: 2 });
    await member.trpc.room.leave.mutate({ roomId: member.roomId });
  });

  it('count for Prometheus, by Accept and at an address of their own', async () => {
    for (const response of [
      await get('/metrics', { accept: 'text/plain;version=0.0.4' }),
      await get('/metrics', { accept: 'application/openmetrics-text;version=1.0.0,*/*;q=0.1' }),
      await get('/metrics/prometheus'),
    ]) {
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toContain('text/plain');
      const text = await response.text();
      expect(text).toMatch(/^flylive_rooms \d+$/m);
      expect(text).toMatch(/^flylive_connections \d+$/m);
      for (const quality of ['good', 'fair', 'poor']) {
        expect(text).toContain(`flylive_members_by_quality{quality="${quality}"} 0`);
      }
      expect(text).toMatch(/^flylive_gifts_pending 0$/m);
      expect(text).toMatch(/^flylive_worker_alive\{worker="0"\} 1$/m);
      expect(text).toMatch(/^flylive_worker_alive\{worker="1"\} 1$/m);
      expect(text).toMatch(/^process_cpu_seconds_total /m);
    }
  });

  it('say that it lives and is ready', async () => {
    expect((await get('/live')).status).toBe(200);
    expect((await get('/ready')).status).toBe(200);
  });

  it('tell browsers to take nothing for what it is not', async () => {
    const response = await get('/health');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('answer procedures of admins to whoever has the internal key, and to nobody else', async () => {
    const workers = await askWorkers(server.url, server.internalKey);
    expect(workers).toHaveLength(2);
    expect(workers[0]).toMatchObject({ index: 0, alive: true, dump: { index: 0 } });
    for (const key of ['', 'wrong', `${server.internalKey}x`, server.internalKey.slice(0, -1)]) {
      const error: unknown = await askWorkers(server.url, key).catch((reason: unknown) => reason);
      expect(toRefusal(error)).toMatchObject({ code: 'ADMIN_KEY_REQUIRED' });
    }
    await using member = await enter(server, addRoom(server));
    const error: unknown = await member.trpc.admin.workers.query().catch((reason: unknown) => reason);
    expect(toRefusal(error)).toMatchObject({ code: 'ADMIN_KEY_REQUIRED' });
  });

  it('answer procedures of users over a WebSocket only', async () => {
    const response = await get('/trpc/room.list');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { json: { data: { appCode: 'WEBSOCKET_REQUIRED' } } } });
  });

  it('refuse what is not there', async () => {
    expect((await get('/nothing')).status).toBe(404);
    const response = await get('/trpc/room.nothing');
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { json: { data: { appCode: 'BAD_INPUT' } } } });
  });
});

describe('a node that has lost Redis', () => {
  it('says so, stays alive, and can be stopped', async () => {
    const server = await startTestServer();
    try {
      await server.redis.stop();
      await eventually(async () => {
        const response = await fetch(`${server.url}/health`);
        expect(response.status).toBe(503);
        expect(await response.json()).toMatchObject({
          status: 'degraded',
          redis: 'down',
          workers: { count: 2, healthy: true },
        });
      });
      expect((await fetch(`${server.url}/ready`)).status).toBe(503);
      expect((await fetch(`${server.url}/live`)).status).toBe(200);
      expect((await fetch(`${server.url}/metrics`)).status).toBe(200);
      const metrics = await fetch(`${server.url}/metrics/prometheus`);
      expect(metrics.status).toBe(200);
      const text = await metrics.text();
      expect(text).toMatch(/^flylive_gifts_pending Nan$/m);
      expect(text).toMatch(/^flylive_worker_alive\{worker="1"\} 1$/m);
      const stoppedAt = performance.now();
      await server.app.stop();
      expect(performance.now() - stoppedAt).toBeLessThan(10_000);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
});
