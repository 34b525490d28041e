import type { ActiveSpeakerObserver, AudioLevelObserver, AudioLevelObserverVolume, Router } from 'mediasoup/types';
import { Emitter } from '../core/emitter.ts';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { levelSettings } from './codecs.ts';

export interface LevelMeterEvents {
  /** Levels of whoever is audible, by producer id in dBov; empty once when silence begins. */
  levels: [levels: ReadonlyMap<string, number>];
  /** A sign, earlier than levels are, that this producer begins to speak. */
  onset: [producerId: string];
}

/**
 * The loudness of a router's producers.
 *
 * mediasoup's AudioLevelObserver averages over its interval and passes over producers with fewer than ten packets in it,
 * so one observer has an interval that fits the packets expected, and a slow one sees to clients that send longer packets
 * all the same. Its averages show a beginning late; the ActiveSpeakerObserver, which looks at single packets, is often
 * earlier (measured, 20 ms packets: half of all beginnings within 150 ms instead of 280, 95 % within 280 instead of 400).
 */
export class LevelMeter extends Emitter<LevelMeterEvents> {
  readonly #levels: AudioLevelObserver;
  readonly #slowLevels: AudioLevelObserver;
  readonly #dominance: ActiveSpeakerObserver;
  /** By producer id. */
  #measured: ReadonlyMap<string, number> = new Map();
  #slowlyMeasured: ReadonlyMap<string, number> = new Map();

  /**
   * @param packetMs - how much audio a packet is expected to hold, ms
   * @throws mediasoup's error; what was made until then goes with the router
   */
  static async open(router: Router, packetMs: number, logger: Logger): Promise<LevelMeter> {
    const { threshold, maxEntries, packets, minInterval, slowInterval, onsetInterval } = levelSettings;
    const interval = Math.max(minInterval, packets * packetMs);
    const [levels, slowLevels, dominance] = await Promise.all([
      router.createAudioLevelObserver({ threshold, maxEntries, interval }),
      router.createAudioLevelObserver({ threshold, maxEntries, interval: slowInterval }),
      router.createActiveSpeakerObserver({ interval: onsetInterval }),
    ]);
    // Its event has passed, so nobody would learn of the loss later.
    if (router.closed) throw new AppError('MEDIA_UNAVAILABLE');
    return new LevelMeter(levels, slowLevels, dominance, logger);
  }

  private constructor(
    levels: AudioLevelObserver,
    slowLevels: AudioLevelObserver,
    dominance: ActiveSpeakerObserver,
    logger: Logger,
  ) {
    super((event, error) => logger.error({ err: error, event }, 'listener of the level meter failed'));
    this.#levels = levels;
    this.#slowLevels = slowLevels;
    this.#dominance = dominance;
    levels.on('volumes', (volumes) => this.#measure(byProducer(volumes)));
    levels.on('silence', () => this.#measure(new Map()));
    slowLevels.on('volumes', (volumes) => this.#measureSlowly(byProducer(volumes)));
    slowLevels.on('silence', () => this.#measureSlowly(new Map()));
    dominance.on('dominantspeaker', ({ producer }) => this.emit('onset', producer.id));
  }

  /**
   * Measures a producer from now on, until it is closed.
   *
   * @throws mediasoup's error
   */
  async add(producerId: string): Promise<void> {
    await Promise.all(
      [this.#levels, this.#slowLevels, this.#dominance].map((observer) => observer.addProducer({ producerId })),
    );
  }

  #measure(levels: ReadonlyMap<string, number>): void {
    this.#measured = levels;
    this.emit('levels', new Map([...this.#slowlyMeasured, ...levels]));
  }

  /** Keeps those only that the fast observer does not see at all. */
  #measureSlowly(levels: ReadonlyMap<string, number>): void {
    const before = this.#slowlyMeasured;
    this.#slowlyMeasured = new Map([...levels].filter(([id]) => !this.#measured.has(id)));
    if (before.size > 0 || this.#slowlyMeasured.size > 0) {
      this.emit('levels', new Map([...this.#slowlyMeasured, ...this.#measured]));
    }
  }
}

function byProducer(volumes: readonly AudioLevelObserverVolume[]): ReadonlyMap<string, number> {
  return new Map(volumes.map(({ producer, volume }) => [producer.id, volume]));
}
