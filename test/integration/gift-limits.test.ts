import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPrivateRedis } from '../../dev/redis.ts';
import { createLogger } from '../../src/core/logger.ts';
import { GiftGuard } from '../../src/services/gifts/gift-guard.ts';
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

  const health = async (): Promise<unknown> => (await fetch(`${server.url}/health`)).json();
  async function startReplica(): Promise<void> {
    const dataDir = await mkdtemp(join(tmpdir(), 'flylive-replica-'));
    stack.defer(() => rm(dataDir, { recursive: true, force: true }));
    const replica = await startPrivateRedis({ dataDir });
    stack.defer(() => replica.stop());
    const connection = server.store.duplicate({ port: replica.port });
    stack.defer(() => connection.disconnect());
    await connection.replicaof(server.redis.host, server.redis.port);
  }

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

  it('while Redis answers before its file is on disk, whatever a replica has', async () => {
    await start({ GIFT_REPLICAS_ACK: '1' });
    await startReplica();
    await eventually(() => give(), 20_000);
    for (const [setting, bad, good] of [
      ['appendfsync', 'everysec', 'always'],
      ['no-appendfsync-on-rewrite', 'yes', 'no'],
    ] as const) {
      await server.store.config('SET', setting, bad);
      await eventually(() => expectRefused(), 5_000);
      expect(await health()).toMatchObject({ gifts: 'REDIS_NOT_DURABLE' });
      await server.store.config('SET', setting, good);
      await eventually(() => give(), 5_000);
    }
  });

  it('while the file that was turned on is not complete; other rewrites are no reason', async () => {
    await start();
    await Promise.all(Array.from({ length: 100 }, (_, index) => server.store.set(`filler:${index}`, 'x')));
    const isRewriting = async (): Promise<boolean> =>
      (await server.store.info('persistence')).includes('aof_rewrite_in_progress:1');
    const giveWhileRewriting = async (): Promise<void> => {
      await server.store.bgrewriteaof();
      await eventually(async () => expect(await isRewriting()).toBe(true));
      let accepted = 0;
      for (; await isRewriting(); accepted += 1) {
        await give();
        // Each gift makes the next rewrite longer.
        await sleep(300);
      }
      expect(accepted).toBeGreaterThan(1);
    };
    // A rewrite takes this long a key, us: seconds in all.
    await server.store.config('SET', 'rdb-key-save-delay', 20_000);
    await give();
    // The first one of a Redis that was started with its file.
    await giveWhileRewriting();

    await server.store.config('SET', 'appendonly', 'no');
    await eventually(() => expectRefused(), 5_000);
    await server.store.config('SET', 'appendonly', 'yes');
    let refused = 0;
    while (await isRewriting()) {
      const answer = await give().catch(() => null);
      if (await isRewriting()) expect(answer).toBeNull();
      refused += 1;
      await sleep(100);
    }
    expect(refused).toBeGreaterThan(1);
    await eventually(() => give(), 5_000);

    await giveWhileRewriting();
  }, 60_000);

  it('while Redis would throw them out when it is full', async () => {
    await start();
    await server.store.config('SET', 'maxmemory-policy', 'volatile-lru');
    await give();
    await server.store.config('SET', 'maxmemory', 2 ** 30);
    await eventually(() => expectRefused(), 5_000);
    expect(await health()).toMatchObject({ gifts: 'REDIS_EVICTS' });
    await server.store.config('SET', 'maxmemory-policy', 'noeviction');
    await eventually(() => give(), 5_000);
  });

  it('while Redis does not say whether it keeps them, unless the operator does', async () => {
    await start();
    await server.store.call('ACL', 'SETUSER', 'default', '-config');
    await eventually(() => expectRefused(), 5_000);
    expect(await health()).toMatchObject({ gifts: 'REDIS_UNVERIFIED' });
    const trusting = await server.startAnother({ GIFT_REDIS_FSYNC_ALWAYS: 'true' });
    await using elsewhere = await enter(server, sender.roomId, { url: trusting.url });
    await elsewhere.trpc.gift.send.mutate(gift());
    await server.store.call('ACL', 'SETUSER', 'default', '+config');
    await eventually(() => give(), 5_000);
  });

  it('when the connection that wrote them is lost before replicas confirm: what confirms then knows nothing of them', async () => {
    await start();
    await startReplica();
    const redis = server.store.duplicate();
    stack.defer(() => redis.disconnect());
    const guard = new GiftGuard(redis, { wantedReplicas: 1, trustFsync: false }, createLogger('silent'));
    const mark = guard.mark();
    await redis.set('written', 'before');
    await eventually(() => guard.replicated(mark), 20_000);
    const id = await redis.client('ID');
    await server.store.call('CLIENT', 'KILL', 'ID', String(id));
    await eventually(() => redis.ping());
    expect(await redis.client('ID')).not.toBe(id);
    await expect(guard.replicated(mark)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await guard.replicated(guard.mark());
  });

  it('without the replicas that must have them; with one, a retry finds them accepted', async () => {
    await start({ GIFT_REPLICAS_ACK: '1' });
    const order = gift();
    server.laravel.faults.set('/internal/gifts/batch', { down: true });
    await expectRefused(order);
    await expectRefused(order);
    await startReplica();
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
