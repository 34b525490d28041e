import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LightClient } from '../../src/cli/load-test/light-client.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom } from '../support/members.ts';
import { readMetric } from '../support/metrics.ts';
import { readUsage } from '../support/process-usage.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { startTestServer } from '../support/server.ts';

const callsPerSecond = 20;
/** Seconds' worth that may come at once. */
const burst = 4 * callsPerSecond;
const callsPerFrame = 10;

/** Ids of the calls that have been answered. */
function answered(socket: RawSocket): number[] {
  return socket.received.flatMap((text) => {
    if (text === 'PONG') return [];
    const { id } = JSON.parse(text) as { id: number | null };
    return id === null ? [] : [id];
  });
}

function flood(socket: RawSocket, frames: number): number[] {
  const ids: number[] = [];
  for (let n = 0; n < frames; n += 1) {
    const calls = Array.from({ length: callsPerFrame }, () => {
      const id = socket.nextId();
      ids.push(id);
      return { id, method: 'query', params: { path: 'media.capabilities' } };
    });
    socket.send(JSON.stringify(calls));
  }
  return ids;
}

const startServer = () =>
  startTestServer({ env: { MEDIASOUP_WORKERS: '1', RATE_LIMIT_CALLS_PER_SECOND: String(callsPerSecond) } });

describe('a flood', () => {
  it('is handled at the rate, also when one read holds all of it, and answered to the end', async () => {
    await using server = await startServer();
    await using socket = await RawSocket.open(server.url, server.laravel.addUser({ name: 'Eager' }).token);
    const began = performance.now();
    const ids = flood(socket, 24);
    await eventually(() => expect(answered(socket).length).toBeGreaterThanOrEqual(burst - callsPerFrame));
    await sleep(500);
    const seen = answered(socket).length;
    const earned = ((performance.now() - began) / 1_000) * callsPerSecond;
    expect(seen).toBeLessThanOrEqual(burst + earned + 1);
    expect(seen).toBeLessThan(ids.length);
    expect(await readMetric(server.url, 'flylive_calls_delayed_total')).toBeGreaterThan(0);
    await eventually(() => expect(answered(socket)).toHaveLength(ids.length), 60_000);
    expect(answered(socket).toSorted((a, b) => a - b)).toEqual(ids);
    expect(socket.closeCode).toBeNull();
  }, 90_000);

  it('has one rate over all connections of its user, those opened later too, and leaves other users alone', async () => {
    await using server = await startServer();
    const { token } = server.laravel.addUser({ name: 'Many' });
    await using stack = new AsyncDisposableStack();
    const began = performance.now();
    const sockets: RawSocket[] = [];
    for (let n = 0; n < 3; n += 1) {
      const socket = stack.use(await RawSocket.open(server.url, token));
      sockets.push(socket);
      flood(socket, 8);
      if (n === 0) await eventually(() => expect(answered(socket).length).toBeGreaterThan(burst / 2));
    }
    await using other = await RawSocket.open(server.url, server.laravel.addUser({ name: 'Other' }).token);
    const id = other.nextId();
    await other.ask([JSON.stringify({ id, method: 'query', params: { path: 'media.capabilities' } })], [id]);
    // Each of them is served in the end, and all together no faster than one.
    await eventually(() => expect(sockets.every((socket) => answered(socket).length > 0)).toBe(true), 60_000);
    await sleep(1_000);
    const seen = sockets.reduce((sum, socket) => sum + answered(socket).length, 0);
    const earned = ((performance.now() - began) / 1_000) * callsPerSecond;
    expect(seen).toBeLessThanOrEqual(burst + earned + 3);
  }, 90_000);

  it('of pings is answered at the rate', async () => {
    await using server = await startServer();
    await using socket = await RawSocket.open(server.url, server.laravel.addUser({ name: 'Pinger' }).token);
    const began = performance.now();
    for (let n = 0; n < 300; n += 1) socket.send('PING');
    await eventually(() => expect(socket.received.length).toBeGreaterThanOrEqual(burst - 2));
    await sleep(500);
    const seen = socket.received.length;
    expect(seen).toBeLessThanOrEqual(burst + ((performance.now() - began) / 1_000) * callsPerSecond + 1);
    expect(new Set(socket.received)).toEqual(new Set(['PONG']));
  }, 30_000);
});

describe('clients that call and do not read', () => {
  const clientCount = 3;
  const callsPerClient = 500;
  /** Answered, the calls would make some 250 MB. */
  const mostGrowthBytes = 64 * 1024 * 1024;

  it('cost little memory, and are cut after 10 s', async () => {
    await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
    const { url } = await server.startProcess({
      RATE_LIMIT_MESSAGES_PER_MINUTE: '10000',
      RATE_LIMIT_CALLS_PER_SECOND: '1000',
    });
    const roomId = addRoom(server);
    await using stack = new AsyncDisposableStack();
    const enter = async (): Promise<LightClient> => {
      const client = await LightClient.connect(url, server.laravel.addUser({ name: 'Deaf' }).token);
      stack.defer(() => client.terminate());
      await client.mutate('room.join', { roomId });
      return client;
    };
    const talker = await enter();
    for (let n = 0; n < 100; n += 1) await talker.mutate('chat.send', { roomId, content: '文'.repeat(500) });
    // Buffers of a first run stay; they are no growth.
    for (let n = 0; n < 100; n += 1) await talker.query('chat.history', { roomId, limit: 100 });
    const clients: LightClient[] = [];
    for (let n = 0; n < clientCount; n += 1) clients.push(await enter());
    const before = await readUsage(url);

    for (const client of clients) {
      client.pause();
      for (let id = 0; id < callsPerClient; id += 1) {
        const params = { path: 'chat.history', input: { json: { roomId, limit: 100 } } };
        void client.sendRaw(JSON.stringify({ id: 1_000 + id, method: 'query', params }));
      }
    }
    let highest = before.rss;
    await eventually(async () => {
      highest = Math.max(highest, (await readUsage(url)).rss);
      expect(await readMetric(url, 'flylive_connections_cut_unread_total')).toBe(clientCount);
    }, 60_000);
    process.stdout.write(
      `${clientCount} deaf clients: RSS + ${Math.round((highest - before.rss) / 1024 / 1024)} MiB\n`,
    );
    expect(highest - before.rss).toBeLessThan(mostGrowthBytes);
    for (const client of clients) client.resume();
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual(Array(clientCount).fill(1006));
    expect(await talker.query('chat.history', { roomId, limit: 1 })).toHaveProperty('messages');
  }, 120_000);
});
