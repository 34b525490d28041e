import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import { countMediaObjects } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { LightClient, RefusedError } from '../../src/cli/load-test/light-client.ts';
import { opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom } from '../support/members.ts';
import { readUsage } from '../support/process-usage.ts';
import { findKeys } from '../support/redis-keys.ts';
import { startTestServer } from '../support/server.ts';

/** The long form is `CYCLES=10000 npx vitest run test/integration/membership-cycles`. */
const cycles = Number(process.env['CYCLES'] ?? 400);
const clientCount = 20;
/** The others are members, whom admins can mute. */
const adminCount = clientCount / 2;
const roomCount = 4;
/** One cycle in so many ends with a cut socket instead of a leave. */
const cutEvery = 25;
const samples = 20;
/** In fewer cycles the process is still warming up, and its growth says nothing. */
const fewestForSlope = 5_000;
/**
 * Most that the process may grow in 1,000 cycles of the second half, MiB: 10 KiB a cycle, which is less than what one
 * forgotten transport with its listeners takes, and more than the heap goes up and down by.
 */
const mostGrowth = 10;
/** Keys that are there before anybody comes, or that time takes: nodes, the cache of tokens. */
const staying = /^(nodes$|joins:arrived$|auth:token:)/;

describe('members who come and go, with seats, hands, invitations and sound', () => {
  it(
    'leave nothing: no key, no entry, no transport',
    async () => {
      await using server = await startTestServer();
      const node = await server.startProcess({
        ROOM_GRACE_SECONDS: '1',
        ROOM_IDLE_SECONDS: '1',
        RATE_LIMIT_CALLS_PER_SECOND: '100000',
        MEDIASOUP_WORKERS: '1',
      });
      const users = Array.from({ length: clientCount }, (_, n) => server.laravel.addUser({ name: `Member ${n}` }));
      const roomIds = Array.from({ length: roomCount }, (_, n) => addRoom(server, { ownerId: users[n]?.id ?? 1 }));
      for (const roomId of roomIds)
        for (const { id } of users.slice(0, adminCount)) server.laravel.setAdmin(roomId, id);

      let muted = 0;
      /** Takes the voice of somebody who may have it in another room just now, or gives it back. */
      async function muteSomebody(client: LightClient, roomId: string): Promise<void> {
        const { id: userId } = users[randomInt(adminCount, clientCount)] ?? expect.unreachable();
        if (randomInt(2) === 0) await client.mutate('seat.unmute', { roomId, userId }).catch(ignoreRefusal);
        const answer = await client.mutate('seat.mute', { roomId, userId }).then(() => 'muted', ignoreRefusal);
        if (answer === 'muted') muted += 1;
      }

      /**
       * Everything that a member can hold, then gone. Others do the same in the same room, so some of it is refused.
       *
       * @returns the client to go on with
       */
      async function cycle(client: LightClient, { id: userId, token }: UserWithToken): Promise<LightClient> {
        const roomId = roomIds[randomInt(roomCount)] ?? expect.unreachable();
        const call = <T>(path: string, input: object = {}): Promise<T | null> =>
          client.mutate<T>(path, { roomId, ...input }).catch(ignoreRefusal);
        await client.mutate('room.join', { roomId });
        await call('seat.request');
        await call('seat.invite', { userId });
        await call(randomInt(2) === 0 ? 'seat.accept' : 'seat.approve', { userId });
        // Whom no host has given one.
        await call('seat.take');
        const send = await call<{ transportId: string }>('media.createTransport', { direction: 'send' });
        const receive = await call<{ transportId: string }>('media.createTransport', { direction: 'receive' });
        const produced = await call<{ producerId: string }>('media.produce', {
          transportId: send?.transportId,
          rtpParameters: rtpParameters(),
        });
        if (produced !== null) {
          const producerIds = [produced.producerId];
          const transportId = receive?.transportId;
          await call('media.consume', { transportId, producerIds, rtpCapabilities: opusCapabilities });
        }
        await muteSomebody(client, roomId);
        await call('seat.move', { seat: randomInt(15) });
        if (randomInt(cutEvery) > 0) {
          await call('room.leave');
          return client;
        }
        client.terminate();
        await client.closed;
        return LightClient.connect(node.url, token);
      }

      const rss: number[] = [];
      let done = 0;
      await Promise.all(
        users.map(async (user) => {
          let client = await LightClient.connect(node.url, user.token);
          while (done < cycles) {
            done += 1;
            if (done % Math.ceil(cycles / samples) === 0) rss.push((await readUsage(node.url)).rss);
            client = await cycle(client, user);
          }
          client.terminate();
        }),
      );

      expect(muted).toBeGreaterThan(0);
      await eventually(async () => {
        expect((await findKeys(server.store, '*')).filter((key) => !staying.test(key))).toEqual([]);
      });
      await eventually(async () => {
        expect(await readGauges(node.url)).toEqual({
          flylive_rooms: 0,
          flylive_connections: 0,
          flylive_worker_routers: 0,
          flylive_worker_transports: 0,
          flylive_worker_consumers: 0,
        });
      });
      expect(await countMediaObjects(node.url, server.internalKey)).toEqual({ routers: 0, transports: 0 });
      const health = (await (await fetch(`${node.url}/health`)).json()) as Record<string, unknown>;
      expect(health).toMatchObject({ rooms: 0 });
      process.stdout.write(`${done} cycles left nothing, ${muted} mutes\n`);
      if (cycles >= fewestForSlope) expectNoGrowth(rss);
    },
    60_000 + cycles * 50,
  );
});

/** What the node says at /metrics that it holds, by the name of the gauge; its one worker's among them. */
async function readGauges(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics/prometheus`)).text();
  const ofObjects = /^(flylive_(?:rooms|connections|worker_(?:routers|transports|consumers)))(?:\{.*\})? (\d+)$/gm;
  return Object.fromEntries([...text.matchAll(ofObjects)].map(([, name, value]) => [name, Number(value)]));
}

/** Resident memory at the end, and how it grew in the second half. */
function expectNoGrowth(rss: readonly number[]): void {
  const later = rss.slice(rss.length / 2);
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const growth = slopeOf(later) * (samples / cycles) * 1_000;
  const text = `RSS ${mib(later.at(-1) ?? 0)} MiB, in the second half ${mib(growth)} MiB a 1,000 cycles more`;
  process.stdout.write(`${text}\n`);
  expect(growth, text).toBeLessThan(mostGrowth * 2 ** 20);
}

/** How much the values grow from one to the next, by least squares. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const covariance = values.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0);
  return covariance / values.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
}

function ignoreRefusal(error: unknown): null {
  if (error instanceof RefusedError) return null;
  throw error;
}
