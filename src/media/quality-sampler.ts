import type { ProducerStat } from 'mediasoup/types';
import { Emitter } from '../core/emitter.ts';
import type { ConnectionMeasure, MemberQuality } from '../core/events.ts';
import type { UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { QualityTrend, ranks } from './connection-quality.ts';
import type { Stage, StageProducer } from './stage.ts';

export interface QualitySamplerEvents {
  /** Everybody who sends and has been measured, by user id; after each change of somebody's class. */
  qualities: [qualities: MemberQuality[]];
}

/** Time in which each producer of a room is asked once, ms. */
export const defaultQualityIntervalMs = 5_000;

/** Counters of a producer as they were last read. */
interface Counters {
  readonly received: number;
  readonly lost: number;
}

interface Sampled {
  readonly userId: UserId;
  readonly trend: QualityTrend;
  /** Null after a pause: what went by in it says nothing. */
  counters: Counters | null;
  result: Omit<MemberQuality, 'userId'> | null;
}

/**
 * How well the voices of a stage arrive, from mediasoup's statistics: each producer is asked once an interval, one after
 * the other, and only while somebody watches. mediasoup writes the counts that loss follows from once a second.
 *
 * To ask once costs about 23 us of CPU in Node.js and 42 us in the worker (measured, docs/CAPACITY.md).
 */
export class QualitySampler extends Emitter<QualitySamplerEvents> {
  readonly #stage: Stage;
  readonly #intervalMs: number;
  readonly #logger: Logger;
  readonly #sampled = new Map<string, Sampled>();
  /** Who is still to be asked in this round. */
  #round: StageProducer[] = [];
  #watched = false;
  #timer: NodeJS.Timeout | undefined;
  #told = '';

  constructor(stage: Stage, logger: Logger, intervalMs = defaultQualityIntervalMs) {
    super((event, error) => logger.error({ err: error, event }, 'listener of the quality sampler failed'));
    this.#stage = stage;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
    stage.on('removed', ({ id }) => {
      if (this.#sampled.delete(id)) this.#tell();
    });
  }

  /** One entry a user: the worst of its producers. */
  get qualities(): MemberQuality[] {
    const byUser = new Map<UserId, MemberQuality>();
    for (const { userId, result } of this.#sampled.values()) {
      if (!result) continue;
      const known = byUser.get(userId);
      if (!known || ranks[result.quality] > ranks[known.quality]) byUser.set(userId, { userId, ...result });
    }
    return [...byUser.values()].sort((a, b) => a.userId - b.userId);
  }

  /** Begins to ask, or forgets everything. Again without effect. */
  watch(watched: boolean): void {
    if (this.#watched === watched) return;
    this.#watched = watched;
    if (watched) this.#schedule();
    else this.#stop();
  }

  close(): void {
    this.watch(false);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#round = [];
    this.#sampled.clear();
    this.#told = '';
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#next(), this.#intervalMs / Math.max(1, this.#stage.size));
  }

  async #next(): Promise<void> {
    if (this.#round.length === 0) this.#round = [...this.#stage.producers];
    const entry = this.#round.shift();
    try {
      if (entry) await this.#sample(entry);
    } catch (error) {
      // It was closed, or its worker died: then nothing is left to ask.
      this.#logger.debug({ err: error, producerId: entry?.id }, 'quality of a producer not read');
    }
    if (this.#watched) this.#schedule();
  }

  async #sample(entry: StageProducer): Promise<void> {
    const { id, userId, producer } = entry;
    if (producer.closed) return;
    const sampled = this.#sampled.get(id) ?? { userId, trend: new QualityTrend(), counters: null, result: null };
    if (producer.paused) {
      sampled.counters = null;
      return;
    }
    const [stat] = await producer.getStats();
    // Asked for long enough to have been closed, paused or forgotten meanwhile.
    if (!stat || producer.closed || producer.paused || !this.#watched) return;
    this.#sampled.set(id, sampled);
    const before = sampled.counters;
    sampled.counters = { received: stat.packetCount, lost: stat.packetsLost };
    if (!before) return;
    const measure = measureSince(before, stat, entry);
    sampled.result = { quality: sampled.trend.update(measure), ...measure };
    this.#tell();
  }

  #tell(): void {
    const { qualities } = this;
    const key = qualities.map(({ userId, quality }) => `${userId}:${quality}`).join();
    if (key === this.#told) return;
    this.#told = key;
    this.emit('qualities', qualities);
  }
}

/** @param before - counters when the producer was asked last, and not paused since */
function measureSince(before: Counters, stat: ProducerStat, { producer }: StageProducer): ConnectionMeasure {
  const received = Math.max(0, stat.packetCount - before.received);
  // Late packets are taken back from the count of lost ones.
  const lost = Math.max(0, stat.packetsLost - before.lost);
  const clockRate = producer.rtpParameters.codecs[0]?.clockRate ?? 48_000;
  return {
    // Somebody who is not muted sends, in silence too; when nothing at all comes, all of it is lost.
    loss: received === 0 ? 1 : lost / (lost + received),
    // mediasoup counts it in units of the RTP timestamp.
    jitterMs: Math.round((stat.jitter * 1_000) / clockRate),
    rttMs: stat.roundTripTime ? Math.round(stat.roundTripTime) : null,
  };
}
