import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { createPool, rtpParameters, sessionId, silentLogger, userId } from '../../test/support/media.ts';
import { type ModuleRedis, startModuleRedis } from '../../test/support/module-redis.ts';
import { AppError } from '../core/errors.ts';
import { type NodeId, type RoomId, roomIdSchema } from '../core/ids.ts';
import { MediaRooms } from '../media/media-rooms.ts';
import type { WorkerPool } from '../media/worker-pool.ts';
import { EventReader } from './event-reader.ts';
import { LocalRooms } from './local-rooms.ts';
import { ProducerStore } from './producer-store.ts';
import { Scripts } from './redis/scripts.ts';
import { RoomStore } from './room-store.ts';

const opus = { packetMs: 20, dtx: false } as const;
const nodeId = 'node' as NodeId;
const wire = { events: () => expect.unreachable(), activity: () => expect.unreachable() };

/** Refuses the first calls of each kind, as the queue of scripts does when Redis is slow. */
class Refusals {
  readonly #refused = 2;
  readonly #calls = new Map<string, number>();

  count(call: string): void {
    const calls = (this.#calls.get(call) ?? 0) + 1;
    this.#calls.set(call, calls);
    if (calls <= this.#refused) throw new AppError('SERVICE_UNAVAILABLE');
  }

  passed(call: string): boolean {
    return (this.#calls.get(call) ?? 0) > this.#refused;
  }
}

class RefusedStore extends RoomStore {
  readonly refusals = new Refusals();

  override async announceRoutersReplaced(...args: Parameters<RoomStore['announceRoutersReplaced']>): Promise<void> {
    this.refusals.count('announce');
    await super.announceRoutersReplaced(...args);
  }
}

class HeldUpProducers extends ProducerStore {
  readonly refusals = new Refusals();
  /** What `closeAllOf` waits for. */
  gate: Promise<void> = Promise.resolve();
  held = 0;

  override async close(...args: Parameters<ProducerStore['close']>): Promise<void> {
    this.refusals.count('close');
    await super.close(...args);
  }

  override async closeAllOf(...args: Parameters<ProducerStore['closeAllOf']>): Promise<void> {
    this.held += 1;
    await this.gate;
    await super.closeAllOf(...args);
  }
}

let server: ModuleRedis;
let commands: Redis;
let subscriber: Redis;
let pool: WorkerPool;
let media: MediaRooms;
let store: RefusedStore;
let producers: HeldUpProducers;
let rooms: LocalRooms;
let roomId: RoomId;

beforeAll(async () => {
  server = await startModuleRedis();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  commands = await server.connect('commands');
  subscriber = await server.connect('subscriber');
  pool = await createPool(1);
  media = new MediaRooms({ pool, logger: silentLogger });
  const scripts = new Scripts(commands, 100);
  store = new RefusedStore(commands, scripts);
  producers = new HeldUpProducers(scripts);
  const reader = new EventReader(commands, subscriber, silentLogger);
  rooms = new LocalRooms({ reader, media, store, producers, wire, nodeId, logLength: 100, logger: silentLogger });
  roomId = roomIdSchema.parse('1');
});
afterEach(async () => {
  rooms.closeAll();
  await pool.close();
  server.disconnectAll();
});

async function killWorker(): Promise<void> {
  const [worker] = await pool.stats();
  process.kill(worker?.pid ?? 0, 'SIGKILL');
}

describe('LocalRooms after the death of a worker', () => {
  it('has media again, and says so however often Redis could not be told', async () => {
    const room = await rooms.hold(roomId, opus);
    const lost = room.media;
    await killWorker();
    await eventually(() => expect(store.refusals.passed('announce')).toBe(true));
    expect(room.media).not.toBe(lost);
    expect(media.get(roomId)).toBe(room.media);
  });

  it('opens no media for a room that was closed while Redis was told', async () => {
    await rooms.hold(roomId, opus);
    const gate = Promise.withResolvers<void>();
    producers.gate = gate.promise;
    await killWorker();
    await eventually(() => expect(producers.held).toBe(1));
    await eventually(() => expect(pool.healthy).toBe(true));
    rooms.release(roomId);
    gate.resolve();
    // The next room's media is asked for after whatever the closed one's repair asks for.
    await rooms.hold(roomIdSchema.parse('2'), opus);
    expect(media.get(roomId)).toBeUndefined();
    expect(media.size).toBe(1);
  });
});

describe('LocalRooms with a producer that ended by itself', () => {
  it('tells Redis until it has been told', async () => {
    const room = await rooms.hold(roomId, opus);
    const session = { sessionId: sessionId(), userId: userId(7) };
    const { transportId } = await room.media.createTransport(session.sessionId, 'send');
    await room.media.produce(session, transportId, {
      source: 'microphone',
      rtpParameters: rtpParameters(),
      paused: false,
    });
    // Another transport takes the place of the one that the producer is on.
    await room.media.createTransport(session.sessionId, 'send');
    await eventually(() => expect(producers.refusals.passed('close')).toBe(true));
  });
});
