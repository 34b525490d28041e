import type {
  AudioLevelObserver,
  AudioLevelObserverVolume,
  Producer,
  Router,
  RtpParameters,
  Transport,
  WebRtcTransport,
} from 'mediasoup/types';
import { Emitter } from '../core/emitter.ts';
import { AppError } from '../core/errors.ts';
import type { SpeakerLevel } from '../core/events.ts';
import type { SessionId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { MediaSource } from '../core/model.ts';
import { audioLevelSettings, maxIncomingBitrate } from './codecs.ts';
import type { MediaWorker } from './media-worker.ts';

/** A speaker's stream on the stage. */
export interface StageProducer {
  readonly id: string;
  readonly sessionId: SessionId;
  readonly userId: UserId;
  readonly source: MediaSource;
  readonly producer: Producer;
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
  added: [producer: StageProducer];
  /** A producer ended without {@link Stage.closeProducer}: its transport was closed or failed. */
  failed: [producer: StageProducer];
  /** The worker died. */
  lost: [];
}

/** The router that all send transports of a room live on, with its producers and their levels. */
export class Stage extends Emitter<StageEvents> {
  readonly router: Router;
  readonly #worker: MediaWorker;
  readonly #observer: AudioLevelObserver;
  readonly #producers = new Map<string, StageProducer>();

  /** @throws mediasoup's error; nothing is left then */
  static async open(worker: MediaWorker, logger: Logger): Promise<Stage> {
    const router = await worker.createRouter();
    try {
      const observer = await router.createAudioLevelObserver(audioLevelSettings);
      // Its event has passed, so nobody would learn of the loss later.
      if (router.closed) throw new AppError('MEDIA_UNAVAILABLE');
      return new Stage(worker, router, observer, logger);
    } catch (error) {
      router.close();
      throw error;
    }
  }

  private constructor(worker: MediaWorker, router: Router, observer: AudioLevelObserver, logger: Logger) {
    super((event, error) => logger.error({ err: error, event }, 'listener of the stage failed'));
    this.#worker = worker;
    this.router = router;
    this.#observer = observer;
    router.once('workerclose', () => this.emit('lost'));
    observer.on('volumes', (volumes) => this.emit('levels', this.#levels(volumes)));
    observer.on('silence', () => this.emit('levels', []));
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

  /** @throws mediasoup's error; nothing is left then */
  async createTransport(): Promise<WebRtcTransport> {
    const transport = await this.#worker.createWebRtcTransport(this.router);
    try {
      await transport.setMaxIncomingBitrate(maxIncomingBitrate);
      return transport;
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
      await this.#observer.addProducer({ producerId: producer.id });
      assertWanted();
    } catch (error) {
      producer.close();
      throw error;
    }
    const entry: StageProducer = { id: producer.id, sessionId, userId, source, producer };
    this.#producers.set(entry.id, entry);
    producer.observer.once('close', () => {
      // closeProducer() and close() forget the entry first, so one that is still known was closed by something else.
      if (this.#producers.delete(entry.id)) this.emit('failed', entry);
    });
    this.emit('added', entry);
    return entry;
  }

  closeProducer(entry: StageProducer): void {
    this.#producers.delete(entry.id);
    entry.producer.close();
  }

  close(): void {
    this.#producers.clear();
    this.router.close();
  }

  /** One level a user, that of the louder source. */
  #levels(volumes: readonly AudioLevelObserverVolume[]): SpeakerLevel[] {
    const loudest = new Map<UserId, number>();
    for (const { producer, volume } of volumes) {
      const userId = this.#producers.get(producer.id)?.userId;
      if (userId !== undefined) loudest.set(userId, Math.max(volume, loudest.get(userId) ?? -Infinity));
    }
    return [...loudest].map(([userId, level]) => ({ userId, level })).sort((a, b) => b.level - a.level);
  }
}
