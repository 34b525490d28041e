import type { Redis } from 'ioredis';
import type { NodeId, RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { liveRoomsKey, nodeRoomsKey, nodesKey, roomStateKey, unreportedRoomsKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';
import type { RoomStatusReporter } from './room-status.ts';
import type { RoomStore } from './room-store.ts';
import type { RoomTending } from './room-tending.ts';

/** How often a node says that it lives, and after how long a silence it is dead: two beats may be lost, ms. */
const heartbeatMs = 2_000;
const deadAfterMs = 5_000;

/** Which rooms a node has had members in, so that others can see to them when it dies. */
export class NodeRooms {
  readonly #redis: Redis;
  readonly #nodeId: NodeId;

  constructor(redis: Redis, nodeId: NodeId) {
    this.#redis = redis;
    this.#nodeId = nodeId;
  }

  /**
   * Called before a membership is made, so that no death leaves a member that nobody looks after, and again once it is
   * made: between the two the room may have closed.
   */
  async add(roomId: RoomId): Promise<void> {
    await this.#addTo([this.#nodeId], roomId);
  }

  /** Called when a room has closed. */
  async remove(roomId: RoomId): Promise<void> {
    const nodeIds = (await this.#redis.zrange(nodesKey, 0, '-1')) as NodeId[];
    const [, ...removed] = await Promise.all([
      this.#redis.srem(liveRoomsKey, roomId),
      ...nodeIds.map((nodeId) => this.#redis.srem(nodeRoomsKey(nodeId), roomId)),
    ]);
    // Somebody may have opened it again between its end and this.
    if (!(await this.#isOpen(roomId))) return;
    await this.#addTo(
      nodeIds.filter((_, index) => removed[index] === 1),
      roomId,
    );
  }

  /** Called when a membership that was to be made was refused: a room that it would have opened is not open. */
  async removeUnlessOpen(roomId: RoomId): Promise<void> {
    if (!(await this.#isOpen(roomId))) await this.remove(roomId);
  }

  /** Notes that Laravel has to be told of the end of a room, by whatever node lives to do it. */
  async noteUnreported(roomId: RoomId, closedAt: Date): Promise<void> {
    await this.#redis.hset(unreportedRoomsKey, roomId, closedAt.getTime());
  }

  /** Notes that Laravel knows. */
  async noteReported(roomId: RoomId): Promise<void> {
    await this.#redis.hdel(unreportedRoomsKey, roomId);
  }

  /** Rooms of whose end Laravel has not been told. */
  async listUnreported(): Promise<{ roomId: RoomId; closedAt: Date }[]> {
    const closings = Object.entries(await this.#redis.hgetall(unreportedRoomsKey));
    return closings.map(([roomId, closedAt]) => ({ roomId: roomId as RoomId, closedAt: new Date(Number(closedAt)) }));
  }

  async #addTo(nodeIds: readonly NodeId[], roomId: RoomId): Promise<void> {
    await Promise.all([
      this.#redis.sadd(liveRoomsKey, roomId),
      ...nodeIds.map((nodeId) => this.#redis.sadd(nodeRoomsKey(nodeId), roomId)),
    ]);
  }

  async #isOpen(roomId: RoomId): Promise<boolean> {
    return (await this.#redis.exists(roomStateKey(roomId))) === 1;
  }
}

export interface NodesOptions {
  readonly nodeId: NodeId;
  readonly graceMs: number;
}

/** This node's heartbeat, and the care for what dead nodes left behind. */
export class Nodes {
  readonly #options: NodesOptions;
  readonly #redis: Redis;
  readonly #scripts: Scripts;
  readonly #store: RoomStore;
  readonly #tending: RoomTending;
  readonly #nodeRooms: NodeRooms;
  readonly #status: RoomStatusReporter;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | null = null;
  #lastBeatAt = -Infinity;
  /** Since when no heartbeat of ours was late. */
  #steadySince = -Infinity;

  constructor(
    options: NodesOptions,
    use: {
      readonly redis: Redis;
      readonly scripts: Scripts;
      readonly store: RoomStore;
      readonly tending: RoomTending;
      readonly nodeRooms: NodeRooms;
      readonly status: RoomStatusReporter;
      readonly logger: Logger;
    },
  ) {
    this.#options = options;
    this.#redis = use.redis;
    this.#scripts = use.scripts;
    this.#store = use.store;
    this.#tending = use.tending;
    this.#nodeRooms = use.nodeRooms;
    this.#status = use.status;
    this.#logger = use.logger;
  }

  /** Starts the heartbeat. @throws Error when Redis does not answer */
  async start(): Promise<void> {
    await this.#beat();
    await this.#status.resume();
    this.#timer = setInterval(() => {
      this.#beat().catch((error: unknown) => this.#logger.warn({ err: error }, 'A heartbeat failed'));
    }, heartbeatMs);
  }

  /** Ends the heartbeat and has this node's members counted as away at once; another node sees to them. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    const { nodeId } = this.#options;
    const roomIds = await this.#loseRoomsOf(nodeId);
    // With rooms left behind it stays listed, silent, until a living node has taken them over.
    if (roomIds.length === 0) await this.#redis.zrem(nodesKey, nodeId);
  }

  async #beat(): Promise<void> {
    const silent = await this.#scripts.run('heartbeat', [nodesKey], [this.#options.nodeId, deadAfterMs]);
    const now = performance.now();
    if (now - this.#lastBeatAt > 2 * heartbeatMs) this.#steadySince = now;
    this.#lastBeatAt = now;
    // After Redis was away everybody looks silent to whoever is back first; the living get time to be heard.
    if (now - this.#steadySince < deadAfterMs) return;
    for (const nodeId of (Array.isArray(silent) ? silent : []) as NodeId[]) {
      this.#logger.warn({ goneNodeId: nodeId }, 'A node is gone; its rooms are taken over');
      await this.#takeOver(nodeId);
    }
  }

  /** Each step is harmless when two nodes do it, and the node is forgotten last, so nothing is left when one dies here. */
  async #takeOver(nodeId: NodeId): Promise<void> {
    for (const roomId of await this.#loseRoomsOf(nodeId)) {
      // It may have been closed by another node long ago.
      if ((await this.#store.countIfOpen(roomId)) === null) continue;
      await this.#nodeRooms.add(roomId);
      this.#tending.schedule(roomId, 0);
      this.#status.changed(roomId);
    }
    await this.#redis.del(nodeRoomsKey(nodeId));
    await this.#redis.zrem(nodesKey, nodeId);
    await this.#status.resume();
  }

  /** Has a node's members counted as away. @returns the rooms it had members in */
  async #loseRoomsOf(nodeId: NodeId): Promise<RoomId[]> {
    const roomIds = (await this.#redis.smembers(nodeRoomsKey(nodeId))) as RoomId[];
    for (const roomId of roomIds) await this.#store.loseNode(roomId, nodeId, this.#options.graceMs);
    return roomIds;
  }
}
