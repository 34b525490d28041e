import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giftShards } from '../../src/services/gifts/gift-shards.ts';
import { pendingGiftsKey } from '../../src/services/redis/keys.ts';
import { connect } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const batch = '/internal/gifts/batch';

async function countPending(store: TestServer['store']): Promise<number> {
  const depths = await Promise.all(giftShards.map((shard) => store.xlen(pendingGiftsKey(shard))));
  return depths.reduce((sum, depth) => sum + depth, 0);
}

describe('an accepted gift', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  /** Sends a gift of 10 coins over the node at `url`. */
  async function send(url: string): Promise<{ token: string; senderId: number; transactionId: string }> {
    const roomId = addRoom(server);
    await using sender = await enter(server, roomId, { url });
    await using recipient = await enter(server, roomId, { url });
    const transactionId = randomUUID();
    const gift = { roomId, transactionId, giftId: '2', recipientId: recipient.user.id };
    expect(await sender.trpc.gift.send.mutate(gift)).toMatchObject({ status: 'pending' });
    return { token: sender.user.token, senderId: sender.user.id, transactionId };
  }

  async function expectSettledOnce(url: string, gift: Awaited<ReturnType<typeof send>>): Promise<void> {
    const { transactionId } = gift;
    await using client = connect(url, gift.token);
    await eventually(async () => {
      const [status] = await client.trpc.gift.status.query({ transactionIds: [transactionId] });
      expect(status).toMatchObject({ transactionId, status: 'settled' });
    }, 15_000);
    expect(server.laravel.ledger().filter((entry) => entry.gift_tx_id === transactionId)).toHaveLength(1);
    expect(server.laravel.balance(gift.senderId)).toBe(9_990);
  }

  it('outlives a stop of the server while Laravel is away', async () => {
    server.laravel.faults.set(batch, { down: true });
    const gift = await send(server.url);
    await eventually(() => expect(server.laravel.faults.met(batch)).toBeGreaterThan(0));
    await server.app.stop();
    const next = await server.startAnother();
    expect(server.laravel.ledger()).toEqual([]);
    server.laravel.faults.clear();
    await expectSettledOnce(next.url, gift);
    expect(await countPending(server.store)).toBe(0);
  });

  it('outlives the death of the server that took it, even in the middle of settling it', async () => {
    // The other node is too late for this gift: the doomed one has claimed it.
    await server.app.stop();
    const doomed = await server.startProcess();
    server.laravel.faults.set(batch, { delayMs: 60_000 });
    const gift = await send(doomed.url);
    await eventually(() => expect(server.laravel.faults.met(batch)).toBe(1));
    await doomed.kill();
    server.laravel.faults.clear();
    expect(server.laravel.ledger()).toEqual([]);

    const next = await server.startAnother();
    await expectSettledOnce(next.url, gift);
  });

  it('is settled once when two nodes are there to do it', async () => {
    const other = await server.startAnother();
    const gifts = await Promise.all(
      Array.from({ length: 10 }, (_, index) => send(index % 2 === 0 ? server.url : other.url)),
    );
    for (const gift of gifts) await expectSettledOnce(other.url, gift);
    expect(server.laravel.ledger()).toHaveLength(10);
    await eventually(async () => expect(await countPending(server.store)).toBe(0));
  });
});
