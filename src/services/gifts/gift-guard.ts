import { type Redis, ReplyError } from 'ioredis';
import { AppError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { CachedValue } from '../cache.ts';

/** Part of maxmemory above which no new gifts are taken, so that there is room to settle the queued ones. */
const memoryShare = 0.75;
/** How old what is known of Redis may be, ms. */
const knownForMs = 1_000;
/** How long replicas may take to confirm, ms; below the time limit of a Redis command. */
const replicaTimeoutMs = 500;

/**
 * Why gifts cannot be taken; null when they can. `REDIS_EVICTS`: Redis would throw gifts out to make space.
 * `REDIS_NOT_DURABLE`: it answers before they are on disk. `REDIS_UNVERIFIED`: it does not say whether it does.
 * `REDIS_MEMORY`: it is short of memory.
 */
export type GiftObstacle = 'REDIS_EVICTS' | 'REDIS_NOT_DURABLE' | 'REDIS_UNVERIFIED' | 'REDIS_MEMORY' | null;

export interface GiftGuardOptions {
  /** Replicas that must confirm a gift; null: one while any is connected. */
  readonly wantedReplicas: number | null;
  /** The operator's word that Redis writes to disk before it answers, for a Redis whose CONFIG cannot be read. */
  readonly trustFsync: boolean;
}

/** When Redis writes its append-only file to disk. */
interface FsyncSettings {
  readonly appendfsync: string;
  readonly pausedByRewrites: boolean;
}

interface RedisState {
  readonly obstacle: GiftObstacle;
  readonly connectedReplicas: number;
}

/**
 * What must be true of Redis before a gift may be called accepted: it is on disk, on the replicas that are asked for, and
 * safe there. On disk means that Redis answers only after its append-only file is written (`appendfsync always`, not
 * suspended by `no-appendfsync-on-rewrite`). With `everysec` it answers up to two seconds before, and its death loses
 * what was answered (Redis documentation, persistence), whatever the replicas have: a master that comes back from its own
 * file has them copy that.
 */
export class GiftGuard {
  readonly #redis: Redis;
  readonly #options: GiftGuardOptions;
  readonly #logger: Logger;
  readonly #state: CachedValue<RedisState>;
  #underWay: Promise<number> | null = null;
  #next: Promise<number> | null = null;
  /** How often the connection was lost. */
  #losses = 0;
  /** Whether the append-only file of this process of Redis is complete; null before that can be told. */
  #file: { readonly runId: string | null; isComplete: boolean | null } = { runId: null, isComplete: null };
  #reported: GiftObstacle = null;
  #trustReported = false;

  /** @param redis - the connection that gifts are written on, since Redis waits for what one connection has written */
  constructor(redis: Redis, options: GiftGuardOptions, logger: Logger) {
    this.#redis = redis;
    this.#options = options;
    this.#logger = logger;
    this.#state = new CachedValue(knownForMs, () => this.#look());
    redis.on('close', () => (this.#losses += 1));
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

  /** Taken before a write that {@link replicated} is to wait for. */
  mark(): number {
    return this.#losses;
  }

  /**
   * Waits until the replicas have what was written on the connection since `mark`.
   *
   * @throws AppError SERVICE_UNAVAILABLE when too few confirm in time, or when the connection was lost in between: WAIT
   *   knows only what its own connection has written. The gift may be accepted all the same, and a retry with its id will
   *   tell
   */
  async replicated(mark: number): Promise<void> {
    const needed = await this.#needed();
    if (needed === 0) return;
    const confirmed = await this.#wait(needed);
    if (this.#losses === mark && confirmed >= needed) return;
    throw new AppError('SERVICE_UNAVAILABLE', { message: 'The gift is not on enough replicas yet' });
  }

  async #needed(): Promise<number> {
    return this.#options.wantedReplicas ?? Math.min((await this.#state.get()).connectedReplicas, 1);
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

  async #look(): Promise<RedisState> {
    const [info, fsync] = await Promise.all([this.#redis.info(), readFsync(this.#redis)]);
    const obstacle = this.#obstacleIn(new RedisInfo(info), fsync);
    this.#report(obstacle, fsync);
    return { obstacle, connectedReplicas: new RedisInfo(info).number('connected_slaves') };
  }

  #obstacleIn(info: RedisInfo, fsync: FsyncSettings | null): GiftObstacle {
    const maxMemory = info.number('maxmemory');
    if (maxMemory > 0 && info.text('maxmemory_policy') !== 'noeviction') return 'REDIS_EVICTS';
    if (!this.#hasFile(info)) return 'REDIS_NOT_DURABLE';
    if (fsync === null && !this.#options.trustFsync) return 'REDIS_UNVERIFIED';
    if (fsync !== null && (fsync.appendfsync !== 'always' || fsync.pausedByRewrites)) return 'REDIS_NOT_DURABLE';
    return maxMemory > 0 && info.number('used_memory') > maxMemory * memoryShare ? 'REDIS_MEMORY' : null;
  }

  /**
   * Whether there is a complete append-only file. One that was turned on at run time counts as enabled while its first
   * rewrite, which puts everything into it, still runs, and a restart would not load it. Other rewrites do no harm, the
   * first one of a Redis that was started with its file neither, though it looks the same: `aof_base_size` is 0 in both.
   */
  #hasFile(info: RedisInfo): boolean {
    const runId = info.text('run_id');
    if (runId !== this.#file.runId) this.#file = { runId, isComplete: null };
    const enabled = info.number('aof_enabled') === 1;
    const rewriting = info.number('aof_rewrite_in_progress') + info.number('aof_rewrite_scheduled') > 0;
    if (!enabled || !rewriting) this.#file.isComplete = enabled;
    else this.#file.isComplete ??= info.number('aof_base_size') > 0;
    return this.#file.isComplete;
  }

  #report(obstacle: GiftObstacle, fsync: FsyncSettings | null): void {
    if (fsync === null && this.#options.trustFsync && !this.#trustReported) {
      this.#trustReported = true;
      this.#logger.warn(
        'Redis does not let its CONFIG be read; GIFT_REDIS_FSYNC_ALWAYS says that gifts are safe on disk',
      );
    }
    if (obstacle === this.#reported) return;
    this.#reported = obstacle;
    if (obstacle === null) this.#logger.info('Gifts are taken again');
    else this.#logger.error({ obstacle }, `Gifts are refused: ${explanations[obstacle]}`);
  }
}

/** For the log. */
const explanations: Record<NonNullable<GiftObstacle>, string> = {
  REDIS_EVICTS: 'Redis has a maxmemory and a maxmemory-policy other than noeviction, and would throw them out',
  REDIS_NOT_DURABLE: 'Redis answers before they are on disk; it needs appendonly yes and appendfsync always',
  REDIS_UNVERIFIED: 'Redis does not let its CONFIG be read; see GIFT_REDIS_FSYNC_ALWAYS',
  REDIS_MEMORY: 'Redis uses more than 75 % of its maxmemory',
};

/** What INFO answers. */
class RedisInfo {
  readonly #info: string;

  constructor(info: string) {
    this.#info = info;
  }

  text(name: string): string | null {
    return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(this.#info)?.[1] ?? null;
  }

  number(name: string): number {
    return Number(this.text(name) ?? 0);
  }
}

/** @returns null where CONFIG is not for us, as with hosted Redis */
async function readFsync(redis: Redis): Promise<FsyncSettings | null> {
  try {
    const flat = await redis.config('GET', 'appendfsync', 'no-appendfsync-on-rewrite');
    const settings = new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]]] : [])));
    const appendfsync = settings.get('appendfsync');
    if (appendfsync === undefined) return null;
    return { appendfsync, pausedByRewrites: settings.get('no-appendfsync-on-rewrite') === 'yes' };
  } catch (error) {
    if (error instanceof ReplyError) return null;
    throw error;
  }
}
