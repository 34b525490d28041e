import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerLogLevel } from 'mediasoup/types';
import { Emitter } from '../core/emitter.ts';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { type ListenOptions, MediaWorker } from './media-worker.ts';
import { hangs, type Patience } from './worker-patience.ts';

export type WorkerPoolOptions = ListenOptions & {
  /** How many workers; one a CPU core uses the machine fully. */
  readonly size: number;
  readonly logLevel: WorkerLogLevel;
  readonly logger: Logger;
  /** A worker with this many routers takes no more. Default: no limit. */
  readonly maxRoutersPerWorker?: number;
  /** Streams that are sent at a time to each client, however many it consumes, for placement; 0 or left out: all. */
  readonly maxForwarded?: number;
  /** How long a client's path may be silent before it counts as lost, s. Default: 30. */
  readonly iceConsentSeconds?: number;
  /** How much more than the least loaded worker one may have to do and still be chosen for being near, in streams. */
  readonly nearness?: number;
  /** How each worker is watched. */
  readonly watchdog?: WatchdogOptions;
};

/** A worker that hangs is killed, so that it is replaced like one that died. */
export interface WatchdogOptions extends Patience {
  /** Between two questions, in ms. Default: 1 s. */
  readonly intervalMs: number;
}

export interface WorkerPoolEvents {
  workerDied: [worker: { index: number; pid: number; error: Error }];
  workerRestarted: [worker: { index: number; pid: number }];
}

export interface WorkerStats {
  readonly index: number;
  /** Null between a death and the restart. */
  readonly pid: number | null;
  /** The process runs and answers. */
  readonly alive: boolean;
  readonly routers: number;
  readonly transports: number;
  readonly consumers: number;
  /** CPU time since the process started, in ms. */
  readonly cpu: { readonly user: number; readonly system: number };
  /** Peak resident set size, in KiB. */
  readonly maxRss: number;
}

export interface WorkerDump {
  readonly index: number;
  readonly routers: number;
  readonly webRtcServers: number;
  /** Of the worker's WebRtcServer; 0 with a port range. */
  readonly webRtcTransports: number;
}

/** A worker's place in the pool: it keeps its index and ports when the process is replaced. */
interface Slot {
  readonly index: number;
  worker: MediaWorker | undefined;
  startedAt: number;
  /** Deaths and failed starts in a row. */
  failures: number;
}

/** Restart delays: at once, then doubling from the first to the second value, in ms. */
const restartDelay = { first: 250, max: 10_000 };
/** A worker that lived this long, in ms, was healthy: its next death is a first one again. */
const stableAfter = 60_000;
/** Of RFC 7675. */
const defaultIceConsentSeconds = 30;
/** About a fifth of a core. */
const defaultNearness = 500;
const defaultWatchdog: WatchdogOptions = { intervalMs: 1_000, idleMs: 3_000, busyMs: 15_000 };
/** How long a worker may take to answer for statistics and dumps, in ms. */
const answerTimeout = 1_000;

/** The mediasoup workers of this process. One that dies is replaced on the same ports. */
export class WorkerPool extends Emitter<WorkerPoolEvents> {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  readonly #closing = new AbortController();
  readonly #restarts = new Set<Promise<void>>();
  #closed: Promise<void> | undefined;

  /**
   * Starts all workers.
   *
   * @throws Error when a worker does not start or its port is taken; nothing is left running then
   */
  static async create(options: WorkerPoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    try {
      // All of them: one that is still starting when another fails would not be seen by close().
      const starts = await Promise.allSettled(pool.#slots.map((slot) => pool.#start(slot)));
      const failed = starts.find(({ status }) => status === 'rejected');
      if (failed) throw (failed as PromiseRejectedResult).reason;
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  private constructor(options: WorkerPoolOptions) {
    super((event, error) => options.logger.error({ err: error, event }, 'listener of the worker pool failed'));
    this.#options = options;
    this.#slots = Array.from({ length: options.size }, (_, index) => ({
      index,
      worker: undefined,
      startedAt: 0,
      failures: 0,
    }));
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Whether every worker process runs. */
  get healthy(): boolean {
    return this.#closed === undefined && this.#slots.every((slot) => slot.worker?.alive);
  }

  /**
   * The worker that has the least to do. Open a router on it at once: what it is about to do counts only from then on.
   *
   * @throws AppError `MEDIA_UNAVAILABLE` when no worker is alive and below its limit of routers
   */
  leastLoaded(): MediaWorker {
    return this.#least(({ load }) => load);
  }

  /**
   * The worker to open another router of a room on: `near` one that it has already, so that a small room stays on one
   * worker and another one's death does not touch it, unless that one has much more to do than the least loaded.
   *
   * @param expected - streams that a worker is about to send for the room and does not yet
   * @throws AppError `MEDIA_UNAVAILABLE` as {@link leastLoaded}
   */
  near(near: MediaWorker, expected: (worker: MediaWorker) => number = () => 0): MediaWorker {
    const best = this.#least((worker) => worker.load + expected(worker));
    return this.#takesRouters(near) && !this.#isMuchBusier(near, best, expected) ? near : best;
  }

  /**
   * A worker that has much less to do than `busy`, if there is one that takes routers.
   *
   * @param expected - as of {@link near}
   */
  relief(busy: MediaWorker, expected: (worker: MediaWorker) => number): MediaWorker | undefined {
    const best = this.#leastOrNone((worker) => worker.load + expected(worker));
    return best && this.#isMuchBusier(busy, best, expected) ? best : undefined;
  }

  /** Counts and resource use of each worker, by index. A worker that does not answer within 1 s is not alive. */
  stats(): Promise<WorkerStats[]> {
    return Promise.all(this.#slots.map((slot) => statsOf(slot)));
  }

  /**
   * What each worker process itself says it holds, to prove that nothing was left behind. One that does not answer within
   * 1 s, or dies meanwhile, is left out.
   */
  async dump(): Promise<WorkerDump[]> {
    const workers = this.#slots.flatMap(({ worker }) => (worker?.alive ? [worker] : []));
    const dumps = await Promise.all(
      workers.map(async (worker) => ({ index: worker.index, dump: await answerOf(worker.dump()) })),
    );
    return dumps.flatMap(({ index, dump }) => (dump ? [{ index, ...dump }] : []));
  }

  /** Ends all worker processes and waits until they are gone. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #least(loadOf: (worker: MediaWorker) => number): MediaWorker {
    const best = this.#leastOrNone(loadOf);
    if (!best) throw new AppError('MEDIA_UNAVAILABLE');
    return best;
  }

  #leastOrNone(loadOf: (worker: MediaWorker) => number): MediaWorker | undefined {
    if (this.#closed) return undefined;
    let best: MediaWorker | undefined;
    for (const { worker } of this.#slots) {
      if (worker && this.#takesRouters(worker) && (best === undefined || loadOf(worker) < loadOf(best))) best = worker;
    }
    return best;
  }

  #isMuchBusier(one: MediaWorker, other: MediaWorker, expected: (worker: MediaWorker) => number): boolean {
    const { nearness = defaultNearness } = this.#options;
    return one.load + expected(one) > other.load + expected(other) + nearness;
  }

  #takesRouters(worker: MediaWorker): boolean {
    return worker.alive && worker.routers < (this.#options.maxRoutersPerWorker ?? Infinity);
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#slots.map(async (slot) => slot.worker?.close()));
    await Promise.all(this.#restarts);
  }

  async #start(slot: Slot): Promise<void> {
    const worker = await MediaWorker.start({
      index: slot.index,
      listen: this.#options,
      logLevel: this.#options.logLevel,
      maxForwarded: this.#options.maxForwarded ?? 0,
      iceConsentSeconds: this.#options.iceConsentSeconds ?? defaultIceConsentSeconds,
      onDied: (error) => this.#onDied(slot, error),
    });
    if (this.#closing.signal.aborted) {
      await worker.close();
      throw new AppError('MEDIA_UNAVAILABLE', { message: 'The worker pool was closed' });
    }
    slot.worker = worker;
    slot.startedAt = Date.now();
    void this.#watch(worker);
  }

  /** Kills the worker when it hangs. Ends with the worker or the pool; never rejects. */
  async #watch(worker: MediaWorker): Promise<void> {
    const { watchdog = defaultWatchdog, logger } = this.#options;
    const { signal } = this.#closing;
    while (worker.alive && !signal.aborted) {
      await delay(watchdog.intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!worker.alive || signal.aborted || !(await hangs(worker, watchdog))) continue;
      if (!worker.alive || signal.aborted) return;
      logger.error({ index: worker.index, pid: worker.pid }, 'media worker hangs, killing it');
      worker.kill();
      return;
    }
  }

  #onDied(slot: Slot, error: Error): void {
    const pid = slot.worker?.pid ?? 0;
    slot.worker = undefined;
    if (this.#closing.signal.aborted) return;
    this.#options.logger.error({ err: error, index: slot.index, pid }, 'media worker died');
    if (Date.now() - slot.startedAt >= stableAfter) slot.failures = 0;
    const restart = this.#restart(slot).finally(() => this.#restarts.delete(restart));
    this.#restarts.add(restart);
    this.emit('workerDied', { index: slot.index, pid, error });
  }

  /** Tries until the worker runs or the pool is closed. Never rejects. */
  async #restart(slot: Slot): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const wait = slot.failures === 0 ? 0 : restartDelay.first * 2 ** (slot.failures - 1);
      slot.failures++;
      try {
        await delay(Math.min(wait, restartDelay.max), undefined, { signal: this.#closing.signal });
        await this.#start(slot);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#options.logger.error({ err: error, index: slot.index }, 'media worker could not be restarted');
        continue;
      }
      const pid = slot.worker?.pid ?? 0;
      this.#options.logger.info({ index: slot.index, pid }, 'media worker restarted');
      this.emit('workerRestarted', { index: slot.index, pid });
      return;
    }
  }
}

async function statsOf({ index, worker }: Slot): Promise<WorkerStats> {
  const silent = { cpu: { user: 0, system: 0 }, maxRss: 0 };
  if (!worker) return { index, pid: null, alive: false, routers: 0, transports: 0, consumers: 0, ...silent };
  const usage = await answerOf(worker.usage());
  return { index, pid: worker.pid, alive: worker.alive && usage !== undefined, ...worker.counts, ...(usage ?? silent) };
}

/** What a worker answers; undefined when it refuses or takes too long. Never rejects. */
async function answerOf<T>(question: Promise<T>): Promise<T | undefined> {
  const timeout = new AbortController();
  const answer = await Promise.race([
    question.catch(() => undefined),
    delay(answerTimeout, undefined, { signal: timeout.signal }).catch(() => undefined),
  ]);
  timeout.abort();
  return answer;
}
