import type { Producer, Router, RtpParameters, Transport } from 'mediasoup/types';
import { Emitter } from '../core/emitter.ts';
import type { SpeakerLevel } from '../core/events.ts';
import type { SessionId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { MediaSource } from '../core/model.ts';
import { audioLevelUri, levelSettings, maxIncomingBitrate } from './codecs.ts';
import { LevelMeter } from './level-meter.ts';
import type { MediaWorker } from './media-worker.ts';
import type { CreatedTransport } from './member-transport.ts';
import { OnsetWatch } from './onset-watch.ts';

/** A speaker's stream on the stage. */
export interface StageProducer {
  readonly id: string;
  readonly sessionId: SessionId;
  readonly userId: UserId;
  readonly source: MediaSource;
  readonly producer: Producer;
  /** Whether the client sends audio levels; without them nobody can tell when it speaks. */
  readonly measurable: boolean;
}

export interface ProduceRequest {
  readonly sessionId: SessionId;
  readonly userId: UserId;
  readonly source: MediaSource;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
  /** Throws when the producer is no longer wanted; asked after each step. */
  readonly assertWanted: () => void;
}

export interface StageEvents {
  /** Everybody who is audible, loudest first; empty once when silence begins. */
  levels: [levels: SpeakerLevel[]];
  /** Levels as they were measured, of the barely audible too, by producer id in dBov. */
  measured: [levels: ReadonlyMap<string, number>];
  /** A sign, earlier than levels are, that a producer begins to speak. */
  onset: [producerId: string];
  added: [producer: StageProducer];
  /** A producer ended, whatever the reason; not when the whole stage did. */
  removed: [producer: StageProducer];
  /** ... and it was not {@link Stage.closeProducer}: its transport was closed or failed. */
  failed: [producer: StageProducer];
  /** The worker died. */
  lost: [];
}

/** The router that all send transports of a room live on, with its producers and their levels. */
export class Stage extends Emitter<StageEvents> {
  readonly worker: MediaWorker;
  readonly router: Router;
  readonly #meter: LevelMeter;
  readonly #onsets: OnsetWatch;
  readonly #producers = new Map<string, StageProducer>();
  #measured: ReadonlyMap<string, number> = new Map();
  /** Whether the last levels named anybody. */
  #audible = false;

  /**
   * @param packetMs - how much audio a packet is expected to hold, ms
   * @throws mediasoup's error; nothing is left then
   */
  static async open(worker: MediaWorker, logger: Logger, packetMs = 20): Promise<Stage> {
    const router = await worker.createRouter();
    try {
      return new Stage(worker, router, await LevelMeter.open(router, packetMs, logger), logger);
    } catch (error) {
      router.close();
      throw error;
    }
  }

  private constructor(worker: MediaWorker, router: Router, meter: LevelMeter, logger: Logger) {
    super((event, error) => logger.error({ err: error, event }, 'listener of the stage failed'));
    this.worker = worker;
    this.router = router;
    this.#meter = meter;
    router.once('workerclose', () => this.emit('lost'));
    meter.on('levels', (levels) => this.#onLevels(levels));
    meter.on('onset', (producerId) => this.emit('onset', producerId));
    this.#onsets = new OnsetWatch(router, worker.onsetWatches, logger);
    this.#onsets.on('onset', (producerId) => this.emit('onset', producerId));
  }

  get producers(): Iterable<StageProducer> {
    return this.#producers.values();
  }

  get size(): number {
    return this.#producers.size;
  }

  get(producerId: string): StageProducer | undefined {
    return this.#producers.get(producerId);
  }

  /** How loud a producer was when it was last measured, dBov; null when it was silent. */
  levelOf(producerId: string): number | null {
    return this.#measured.get(producerId) ?? null;
  }

  /** @throws mediasoup's error; nothing is left then */
  async createTransport(): Promise<CreatedTransport> {
    const transport = await this.worker.createWebRtcTransport(this.router);
    try {
      await transport.setMaxIncomingBitrate(maxIncomingBitrate);
      return { transport, routerId: this.router.id };
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  /**
   * Adds a producer: all of it or nothing.
   *
   * @throws what `assertWanted` throws, or mediasoup's error
   */
  async produce(transport: Transport, request: ProduceRequest): Promise<StageProducer> {
    const { sessionId, userId, source, rtpParameters, paused, assertWanted } = request;
    const producer = await transport.produce({ kind: 'audio', rtpParameters, paused });
    try {
      assertWanted();
      await this.#meter.add(producer.id);
      assertWanted();
    } catch (error) {
      producer.close();
      throw error;
    }
    const measurable = (rtpParameters.headerExtensions ?? []).some(({ uri }) => uri === audioLevelUri);
    const entry: StageProducer = { id: producer.id, sessionId, userId, source, producer, measurable };
    this.#producers.set(entry.id, entry);
    producer.observer.once('close', () => {
      // A lost router has closed by now and takes all of them along: `lost` says so once.
      if (this.router.closed) return;
      // closeProducer() forgets the entry first, so one that is still known was closed by something else.
      const isFailure = this.#producers.delete(entry.id);
      this.emit('removed', entry);
      if (isFailure) this.emit('failed', entry);
    });
    this.emit('added', entry);
    return entry;
  }

  /** Looks at each packet of a producer, so that its next onset is seen at once; or no longer. */
  watchOnset(producerId: string, wanted: boolean): void {
    this.#onsets.set(producerId, wanted);
  }

  closeProducer(entry: StageProducer): void {
    this.#producers.delete(entry.id);
    entry.producer.close();
  }

  close(): void {
    this.#producers.clear();
    this.router.close();
  }

  #onLevels(measured: ReadonlyMap<string, number>): void {
    this.#measured = measured;
    this.emit('measured', measured);
    const audible = this.#byUser(measured);
    if (audible.length > 0 || this.#audible) this.emit('levels', audible);
    this.#audible = audible.length > 0;
  }

  /** One level a user, that of the louder source. */
  #byUser(measured: ReadonlyMap<string, number>): SpeakerLevel[] {
    const loudest = new Map<UserId, number>();
    for (const [producerId, level] of measured) {
      const userId = this.#producers.get(producerId)?.userId;
      if (userId === undefined || level < levelSettings.audible) continue;
      loudest.set(userId, Math.max(level, loudest.get(userId) ?? -Infinity));
    }
    return [...loudest].map(([userId, level]) => ({ userId, level })).sort((a, b) => b.level - a.level);
  }
}
