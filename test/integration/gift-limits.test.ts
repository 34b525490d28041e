import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPrivateRedis } from '../../dev/redis.ts';
import { refusal } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('gifts are refused, retryably, while they would not be safe', () => {
  let server: TestServer;
  let sender: TestMember;
  let recipient: TestMember;
  let stack: AsyncDisposableStack;

  async function start(env: Record<string, string> = {}): Promise<void> {
    server = stack.use(await startTestServer({ env: { RATE_LIMIT_GIFTS_PER_MINUTE: '10000', ...env } }));
    const roomId = addRoom(server);
    sender = stack.use(await enter(server, roomId));
    recipient = stack.use(await enter(server, roomId));
  }
  const gift = () => {
    return { roomId: sender.roomId, transactionId: randomUUID(), giftId: '1', recipientId: recipient.user.id };
  };
  const give = (order = gift()) => sender.trpc.gift.send.mutate(order);
  const expectRefused = async (order = gift()): Promise<void> => {
    expect(await refusal(give(order))).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
  };

  beforeEach(() => {
    stack = new AsyncDisposableStack();
  });
  afterEach(() => stack.disposeAsync());

  it('above 75 % of maxmemory, where queued ones are settled all the same', async () => {
    await start();
    server.laravel.faults.set('/internal/gifts/batch', { down: true });
    const queued = gift();
    await give(queued);
    const used = Number(/^used_memory:(\d+)/m.exec(await server.store.info('memory'))?.[1]);
    await server.store.config('SET', 'maxmemory', Math.round(used * 1.2));
    await eventually(() => expectRefused(), 5_000);
    // Even with no memory left at all.
    await server.store.config('SET', 'maxmemory', Math.round(used / 2));
    server.laravel.faults.clear();
    await eventually(async () => {
      const [report] = await sender.trpc.gift.status.query({ transactionIds: [queued.transactionId] });
      expect(report).toMatchObject({ status: 'settled' });
    }, 20_000);
    await server.store.config('SET', 'maxmemory', 0);
    await eventually(() => give(), 5_000);
  });

  it('without an append-only file, which health says too', async () => {
    await start();
    await server.store.config('SET', 'appendonly', 'no');
    await eventually(() => expectRefused(), 5_000);
    const health = await fetch(`${server.url}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ status: 'degraded', gifts: 'REDIS_NOT_DURABLE' });
    await server.store.config('SET', 'appendonly', 'yes');
    await eventually(() => give(), 5_000);
    await eventually(async () => expect((await fetch(`${server.url}/health`)).status).toBe(200));
  });

  it('while Redis answers before its file is on disk, unless replicas have them', async () => {
    await start();
    await server.store.config('SET', 'appendfsync', 'everysec');
    await eventually(() => expectRefused(), 5_000);
    await server.store.config('SET', 'appendfsync', 'always');
    await eventually(() => give(), 5_000);
  });

  it('without the replicas that must have them; with one, a retry finds them accepted', async () => {
    await start({ GIFT_REPLICAS_ACK: '1' });
    const order = gift();
    server.laravel.faults.set('/internal/gifts/batch', { down: true });
    await expectRefused(order);
    await expectRefused(order);
    const dataDir = await mkdtemp(join(tmpdir(), 'flylive-replica-'));
    stack.defer(() => rm(dataDir, { recursive: true, force: true }));
    const replica = await startPrivateRedis({ dataDir });
    stack.defer(() => replica.stop());
    const connection = server.store.duplicate({ port: replica.port });
    stack.defer(() => connection.disconnect());
    await connection.replicaof(server.redis.host, server.redis.port);
    const accepted = await eventually(() => give(order), 20_000);
    expect(['pending', 'settled']).toContain(accepted.status);
    await give();
    server.laravel.faults.clear();
    await eventually(() => expect(server.laravel.ledger()).toHaveLength(2), 20_000);
  });

  it('when Redis does not answer', async () => {
    await start();
    const order = gift();
    await server.store.call('CLIENT', 'PAUSE', 3_000, 'ALL');
    await expectRefused(order);
    await eventually(() => give(order), 15_000);
    await eventually(() => expect(server.laravel.ledger()).toHaveLength(1), 15_000);
  });
});
