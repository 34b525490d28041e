import { type Redis, ReplyError } from 'ioredis';
import { AppError } from '../../core/errors.ts';
import { CachedValue } from '../cache.ts';

/** Part of maxmemory above which no new gifts are taken, so that there is room to settle the queued ones. */
const memoryShare = 0.75;
/** How old what is known of Redis may be, ms. */
const knownForMs = 1_000;
/** How long replicas may take to confirm, ms; below the time limit of a Redis command. */
const replicaTimeoutMs = 500;

/** Why gifts cannot be taken; null when they can. */
export type GiftObstacle = 'REDIS_MEMORY' | 'REDIS_NOT_DURABLE' | null;

interface RedisState {
  readonly obstacle: GiftObstacle;
  readonly connectedReplicas: number;
}

/**
 * What must be true of Redis before a gift may be called accepted: it is on disk or on a replica, and there is memory to
 * spare. On disk means that Redis answers only after its append-only file is written (`appendfsync always`): with
 * `everysec` it answers up to two seconds before, on a busy disk, and its death loses what was answered (Redis
 * documentation, persistence). With replicas that confirm, `everysec` does.
 */
export class GiftGuard {
  readonly #redis: Redis;
  readonly #wantedReplicas: number | null;
  readonly #state: CachedValue<RedisState>;
  #underWay: Promise<number> | null = null;
  #next: Promise<number> | null = null;

  /**
   * @param redis - the connection that gifts are written on, since Redis waits for what one connection has written
   * @param wantedReplicas - replicas that must confirm a gift; null: one while any is connected
   */
  constructor(redis: Redis, wantedReplicas: number | null) {
    this.#redis = redis;
    this.#wantedReplicas = wantedReplicas;
    this.#state = new CachedValue(knownForMs, async () => {
      const [info, fsync] = await Promise.all([redis.info(), readFsync(redis)]);
      return readState(info, fsync, wantedReplicas);
    });
  }

  /** What stands in the way of taking gifts; asks Redis at most once a second. */
  async obstacle(): Promise<GiftObstacle> {
    return (await this.#state.get()).obstacle;
  }

  /** @throws AppError SERVICE_UNAVAILABLE while gifts cannot be taken */
  async requireRoom(): Promise<void> {
    if ((await this.obstacle()) !== null) {
      throw new AppError('SERVICE_UNAVAILABLE', { message: 'Gifts cannot be taken right now' });
    }
  }

  /** Whether replicas have to confirm gifts. */
  async needsReplicas(): Promise<boolean> {
    return (await this.#needed()) > 0;
  }

  /**
   * Waits until the replicas have what was written on the connection up to now.
   *
   * @throws AppError SERVICE_UNAVAILABLE when too few confirm in time; the gift may be accepted all the same, and a retry
   *   with its id will tell
   */
  async replicated(): Promise<void> {
    const needed = await this.#needed();
    if (needed === 0) return;
    if ((await this.#wait(needed)) >= needed) return;
    throw new AppError('SERVICE_UNAVAILABLE', { message: 'The gift is not on enough replicas yet' });
  }

  async #needed(): Promise<number> {
    return neededReplicas((await this.#state.get()).connectedReplicas, this.#wantedReplicas);
  }

  /** One WAIT confirms all that was written before it was sent, so callers share it: one under way, one to follow. */
  #wait(needed: number): Promise<number> {
    if (this.#underWay === null) {
      const sent = this.#redis.wait(needed, replicaTimeoutMs).finally(() => (this.#underWay = null));
      this.#underWay = sent;
      return sent;
    }
    this.#next ??= this.#underWay
      .catch(() => 0)
      .then(() => {
        this.#next = null;
        return this.#wait(needed);
      });
    return this.#next;
  }
}

function neededReplicas(connected: number, wanted: number | null): number {
  return wanted ?? Math.min(connected, 1);
}

/** When Redis writes its append-only file to disk; null where CONFIG is not for us, as with hosted ones. */
async function readFsync(redis: Redis): Promise<string | null> {
  try {
    const [, value] = await redis.config('GET', 'appendfsync');
    return value ?? null;
  } catch (error) {
    if (error instanceof ReplyError) return null;
    throw error;
  }
}

/**
 * @param info - what INFO answers
 * @param fsync - the setting `appendfsync`; null, when it cannot be read, is for the operator to vouch for
 */
function readState(info: string, fsync: string | null, wantedReplicas: number | null): RedisState {
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const maxMemory = read('maxmemory');
  const connectedReplicas = read('connected_slaves');
  const onDisk = fsync === null || fsync === 'always' || neededReplicas(connectedReplicas, wantedReplicas) > 0;
  const obstacle =
    read('aof_enabled') !== 1 || !onDisk
      ? 'REDIS_NOT_DURABLE'
      : maxMemory > 0 && read('used_memory') > maxMemory * memoryShare
        ? 'REDIS_MEMORY'
        : null;
  return { obstacle, connectedReplicas };
}
