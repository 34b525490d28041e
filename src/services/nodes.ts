import type { Redis } from 'ioredis';
import type { NodeId, RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { liveRoomsKey, nodeRoomsKey, nodesKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';
import type { RoomStore } from './room-store.ts';
import type { RoomTending } from './room-tending.ts';

/** DESIGN, section 3. */
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

  /** Called before a membership is made, so that no death leaves a member that nobody looks after. */
  async add(roomId: RoomId): Promise<void> {
    await Promise.all([this.#redis.sadd(nodeRoomsKey(this.#nodeId), roomId), this.#redis.sadd(liveRoomsKey, roomId)]);
  }

  /** Called when a room has closed. */
  async remove(roomId: RoomId): Promise<void> {
    await Promise.all([this.#redis.srem(nodeRoomsKey(this.#nodeId), roomId), this.#redis.srem(liveRoomsKey, roomId)]);
  }

  /** Number of rooms open on any node. */
  async countLive(): Promise<number> {
    return this.#redis.scard(liveRoomsKey);
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
      readonly logger: Logger;
    },
  ) {
    this.#options = options;
    this.#redis = use.redis;
    this.#scripts = use.scripts;
    this.#store = use.store;
    this.#tending = use.tending;
    this.#nodeRooms = use.nodeRooms;
    this.#logger = use.logger;
  }

  /** Starts the heartbeat. @throws Error when Redis does not answer */
  async start(): Promise<void> {
    await this.#beat();
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
      await this.#nodeRooms.add(roomId);
      this.#tending.schedule(roomId, 0);
    }
    await this.#redis.del(nodeRoomsKey(nodeId));
    await this.#redis.zrem(nodesKey, nodeId);
  }

  /** Has a node's members counted as away. @returns the rooms it had members in */
  async #loseRoomsOf(nodeId: NodeId): Promise<RoomId[]> {
    const roomIds = (await this.#redis.smembers(nodeRoomsKey(nodeId))) as RoomId[];
    for (const roomId of roomIds) await this.#store.loseNode(roomId, nodeId, this.#options.graceMs);
    return roomIds;
  }
}
