import type { Consumer, DirectTransport, Router } from 'mediasoup/types';
import { Emitter } from '../core/emitter.ts';
import type { Logger } from '../core/logger.ts';
import { readAudioLevel } from './audio-level.ts';
import { audioLevelUri } from './codecs.ts';
import type { Quota } from './quota.ts';

export interface OnsetWatchEvents {
  /** A producer has begun to speak. */
  onset: [producerId: string];
}

/** Producers of one worker that are watched at a time: at 50 packets a second about a twentieth of a core of Node.js. */
export const watchesPerWorker = 32;
/** From here up a packet is speech, dBov. */
const speech = -50;
/** So many packets of it in a row are no click any more. */
const packetsOfSpeech = 2;

interface Watched {
  /** Whether packets are wanted now; the consumer follows as soon as it exists. */
  wanted: boolean;
  readonly consumer: Promise<Consumer | undefined>;
}

/**
 * Sees within two packets when producers begin to speak that nobody hears at the moment: their packets' headers are read
 * here, in Node.js. That costs about 32 us of CPU a packet (measured), so it is done only for as long as it is needed, and
 * for so many producers of a worker at most; levels over an interval, as mediasoup's observers report them, come a
 * quarter of a second later.
 */
export class OnsetWatch extends Emitter<OnsetWatchEvents> {
  readonly #router: Router;
  readonly #quota: Quota;
  readonly #logger: Logger;
  readonly #watched = new Map<string, Watched>();
  /** Made when it is first needed: few rooms have more open microphones than places. */
  #transport: Promise<DirectTransport> | undefined;

  /** @param quota - of the worker, shared by its rooms; a producer that it has no room for is not watched */
  constructor(router: Router, quota: Quota, logger: Logger) {
    super((event, error) => logger.error({ err: error, event }, 'listener of the onset watch failed'));
    this.#router = router;
    this.#quota = quota;
    this.#logger = logger;
  }

  /** Begins or ends to watch a producer. One that cannot be watched is noticed by its levels, later. */
  set(producerId: string, wanted: boolean): void {
    const known = this.#watched.get(producerId);
    if ((known?.wanted ?? false) === wanted) return;
    if (wanted && !this.#quota.take()) return;
    if (!known) {
      this.#watched.set(producerId, { wanted, consumer: this.#open(producerId) });
      return;
    }
    if (!wanted) this.#quota.release();
    known.wanted = wanted;
    // Refused only when it is closed; mediasoup keeps pauses and resumes in order.
    known.consumer.then((consumer) => consumer && follow(consumer, known.wanted)).catch(() => undefined);
  }

  async #open(producerId: string): Promise<Consumer | undefined> {
    try {
      this.#transport ??= this.#router.createDirectTransport();
      const transport = await this.#transport.catch((error: unknown) => {
        this.#transport = undefined;
        throw error;
      });
      const consumer = await transport.consume({ producerId, rtpCapabilities: this.#router.rtpCapabilities });
      if (consumer.closed) throw new Error('the producer was closed');
      consumer.observer.once('close', () => this.#forget(producerId));
      this.#listen(producerId, consumer);
      return consumer;
    } catch (error) {
      this.#forget(producerId);
      if (!this.#router.closed) this.#logger.debug({ err: error, producerId }, 'producer not watched for its onset');
      return undefined;
    }
  }

  #forget(producerId: string): void {
    if (this.#watched.get(producerId)?.wanted) this.#quota.release();
    this.#watched.delete(producerId);
  }

  #listen(producerId: string, consumer: Consumer): void {
    const id = consumer.rtpParameters.headerExtensions?.find(({ uri }) => uri === audioLevelUri)?.id;
    if (id === undefined) return;
    let inARow = 0;
    consumer.on('rtp', (packet) => {
      const level = readAudioLevel(packet, id);
      inARow = level !== null && level >= speech ? inARow + 1 : 0;
      if (inARow === packetsOfSpeech) this.emit('onset', producerId);
    });
  }
}

function follow(consumer: Consumer, wanted: boolean): Promise<void> {
  return wanted ? consumer.resume() : consumer.pause();
}
