import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { topicSchemas } from '../../src/core/events.ts';
import { roomIdSchema } from '../../src/core/ids.ts';
import { roomEventsKey } from '../../src/services/redis/keys.ts';
import { Scripts } from '../../src/services/redis/scripts.ts';
import { RoomStore } from '../../src/services/room-store.ts';
import { eventually } from '../support/eventually.ts';
import { eventIdOf, LightClient } from '../../src/cli/load-test/light-client.ts';
import { addRoom } from '../support/members.ts';
import { readUsage } from '../support/process-usage.ts';
import { makeGiftEvent } from '../support/room-gift.ts';
import { startTestServer } from '../support/server.ts';

/** The long form is `SLOW_CLIENTS_EVENTS=60000 npx vitest run test/integration/slow-clients`. */
const eventCount = Number(process.env['SLOW_CLIENTS_EVENTS'] ?? 15_000);
const clientCount = 20;
const pausedCount = 10;
const eventLogLength = 100_000;
const mostGrowthBytes = 64 * 1024 * 1024;
/** Large events, so that they cannot hide in the buffers of TCP. */
const padding = 'x'.repeat(900);

/** A member that follows gifts and, when it is cut, comes back by its cursor. */
class Follower {
  readonly received: string[] = [];
  readonly problems: string[] = [];
  connections = 0;
  #client: LightClient | null = null;
  #cursor: string | null = null;
  #sessionId: string | null = null;
  #paused = false;
  #stopped = false;
  readonly #target: { readonly url: string; readonly token: string; readonly roomId: string };

  constructor(target: { url: string; token: string; roomId: string }) {
    this.#target = target;
  }

  async connect(): Promise<void> {
    const { url, token, roomId } = this.#target;
    const client = await LightClient.connect(url, token);
    this.connections += 1;
    this.#client = client;
    const { sessionId, snapshot } = await client.mutate<{ sessionId: string; snapshot: { cursor: string } }>(
      'room.join',
      {
        roomId,
        ...(this.#sessionId === null ? {} : { sessionId: this.#sessionId }),
      },
    );
    this.#sessionId = sessionId;
    this.#cursor ??= snapshot.cursor;
    client.subscribe('gift.onEvent', { roomId, lastEventId: this.#cursor }, (message) => this.#onMessage(message));
    void client.closed.then(async () => {
      while (this.#paused) await sleep(20);
      if (!this.#stopped) await this.connect();
    });
  }

  pause(): void {
    this.#paused = true;
    this.#client?.pause();
  }

  wake(): void {
    this.#paused = false;
    this.#client?.resume();
  }

  stop(): void {
    this.#stopped = true;
    this.#client?.terminate();
  }

  #onMessage(message: string): void {
    const id = eventIdOf(message);
    if (id === null) {
      if (message.includes('"error"')) this.problems.push(message);
      return;
    }
    this.#cursor = id;
    if (message.includes('"type":"giftReceived"')) this.received.push(id);
    else if (!message.includes('"type":"subscribed"')) this.problems.push(message.slice(0, 200));
  }
}

describe('clients that stop reading', () => {
  it('cost the server little, the others nothing, and miss nothing themselves', async () => {
    await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
    const { url } = await server.startProcess({
      ROOM_EVENT_LOG_LENGTH: String(eventLogLength),
    });
    const roomId = addRoom(server);
    await using stack = new AsyncDisposableStack();
    const followers: Follower[] = [];
    for (let n = 0; n < clientCount; n += 1) {
      const { token } = server.laravel.addUser({ name: `Follower ${n}` });
      const follower = new Follower({ url, token, roomId });
      await follower.connect();
      stack.defer(() => follower.stop());
      followers.push(follower);
    }
    const paused = followers.slice(0, pausedCount);
    const reading = followers.slice(pausedCount);

    const room = roomIdSchema.parse(roomId);
    const store = new RoomStore(server.store, new Scripts(server.store, eventLogLength));
    const publish = (): Promise<void> => {
      return store.announceGift(room, null, JSON.stringify(topicSchemas.gift.parse(makeGiftEvent(padding))));
    };
    // Buffers of a first run stay; they are no growth.
    for (let n = 0; n < 500; n += 1) await publish();
    await eventually(() => expect(followers.every(({ received }) => received.length === 500)).toBe(true));
    const before = await readUsage(url);

    for (const follower of paused) follower.pause();
    let highest = 0;
    for (let n = 0; n < eventCount; n += 50) {
      await Promise.all(Array.from({ length: 50 }, publish));
      // The readers are in this process too, and must not be taken for slow ones because it publishes.
      while (reading.some(({ received }) => received.length < n)) await sleep(1);
      if (n % 1_000 === 0) highest = Math.max(highest, (await readUsage(url)).rss);
    }
    const log = await server.store.xrange(roomEventsKey(room), '-', '+');
    const ids = log.filter(([, fields]) => fields[1] === 'gift').map(([id]) => id);
    expect(ids).toHaveLength(500 + eventCount);
    const expectAll = async (some: readonly Follower[]): Promise<void> => {
      await eventually(() => {
        for (const { received } of some) expect(received.length).toBeGreaterThanOrEqual(ids.length);
      }, 60_000).catch(() => undefined);
      for (const { received, problems } of some) {
        expect(problems).toEqual([]);
        expect(received.length).toBe(ids.length);
        expect(received.every((id, index) => id === ids[index])).toBe(true);
      }
    };
    await expectAll(reading);
    expect(reading.every(({ connections }) => connections === 1)).toBe(true);
    highest = Math.max(highest, (await readUsage(url)).rss);
    // They were behind indeed, and the server had let go of them.
    for (const { received } of paused) expect(received.length).toBeLessThan(ids.length);

    for (const follower of paused) follower.wake();
    await expectAll(paused);
    highest = Math.max(highest, (await readUsage(url)).rss);
    expect(paused.every(({ connections }) => connections > 1)).toBe(true);

    const growth = highest - before.rss;
    process.stdout.write(
      `${eventCount} events, ${pausedCount} of ${clientCount} paused: RSS + ${Math.round(growth / 1024 / 1024)} MiB\n`,
    );
    expect(growth).toBeLessThan(mostGrowthBytes);
  }, 300_000);
});
