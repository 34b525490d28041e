import { setTimeout as delay } from 'node:timers/promises';
import type { Producer, Router } from 'mediasoup/types';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { MediaWorker } from './media-worker.ts';
import type { CreatedTransport } from './member-transport.ts';
import { type PipedProducer, RouterPipe } from './pipe.ts';
import type { StageProducer } from './stage.ts';

export interface AudienceOptions {
  readonly worker: MediaWorker;
  /** The stage's router. */
  readonly stage: Router;
  readonly logger: Logger;
  /** Whether a producer of the stage is kept from the audience at the moment. */
  readonly isHeld: (producerId: string) => boolean;
  /** The worker died with the router. */
  readonly onLost: () => void;
}

/** Waits between two attempts to forward a producer, doubling from the first to the second value, in ms. */
const retryDelay = { first: 100, max: 5_000 };
/** How long a listener's call waits for a producer that is still being forwarded, in ms. */
const forwardTimeout = 3_000;

/** A router that receive transports live on, fed by the stage through one pipe. */
export class Audience {
  readonly router: Router;
  readonly #worker: MediaWorker;
  readonly #pipe: RouterPipe;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  /** By the id of the producer on the stage. */
  readonly #forwards = new Map<string, Promise<PipedProducer>>();
  readonly #piped = new Map<string, PipedProducer>();
  readonly #isHeld: (producerId: string) => boolean;

  /** @throws mediasoup's error; nothing is left then */
  static async open(options: AudienceOptions): Promise<Audience> {
    const router = await options.worker.createRouter();
    try {
      return new Audience(options, router, await RouterPipe.open(options.stage, router));
    } catch (error) {
      router.close();
      throw error;
    }
  }

  private constructor({ worker, logger, isHeld, onLost }: AudienceOptions, router: Router, pipe: RouterPipe) {
    this.#worker = worker;
    this.#logger = logger;
    this.#pipe = pipe;
    this.#isHeld = isHeld;
    this.router = router;
    // Not emitted after router.close(). Its transports close first, so close() may have been called by now.
    router.once('workerclose', onLost);
  }

  /** @throws mediasoup's error */
  async createTransport(): Promise<CreatedTransport> {
    return { transport: await this.#worker.createWebRtcTransport(this.router), routerId: this.router.id };
  }

  /**
   * Sees to it that `producer` is carried to this router: a failed attempt is repeated, with growing pauses, until it
   * succeeds or the producer or this router is closed. Returns at once and never throws.
   */
  forward({ producer }: StageProducer): void {
    if (this.#forwards.has(producer.id) || producer.closed || this.#closing.signal.aborted) return;
    const forwarding = this.#forwardUntilDone(producer);
    this.#forwards.set(producer.id, forwarding);
    producer.observer.once('close', () => {
      this.#forwards.delete(producer.id);
      this.#piped.delete(producer.id);
    });
    // Whoever needs it asks forwarded(); a failure that nobody waits for has been logged.
    forwarding.catch(() => undefined);
  }

  /** Keeps a producer of the stage from this router's listeners, all at once, or lets it through again. */
  hold(producerId: string, held: boolean): void {
    this.#piped.get(producerId)?.hold(held);
  }

  /**
   * This router's producer for one of the stage, forwarded if need be.
   *
   * @param withinMs - how long to wait if it is being forwarded
   * @throws AppError `PRODUCER_NOT_FOUND` when it was closed meanwhile; `MEDIA_UNAVAILABLE` when this router was, or
   *   when forwarding has not succeeded in that time (it goes on; ask again)
   */
  async forwarded(entry: StageProducer, withinMs = forwardTimeout): Promise<Producer> {
    this.forward(entry);
    const forwarding = this.#forwards.get(entry.id);
    if (!forwarding) throw new AppError(entry.producer.closed ? 'PRODUCER_NOT_FOUND' : 'MEDIA_UNAVAILABLE');
    const timeout = new AbortController();
    try {
      const { producer } = await Promise.race([
        forwarding,
        delay(withinMs, undefined, { signal: timeout.signal }).then(() => {
          throw new AppError('MEDIA_UNAVAILABLE');
        }),
      ]);
      return producer;
    } finally {
      timeout.abort();
    }
  }

  close(): void {
    this.#closing.abort();
    this.#pipe.close();
    this.router.close();
  }

  async #forwardUntilDone(producer: Producer): Promise<PipedProducer> {
    for (let attempt = 0; ; attempt++) {
      try {
        const piped = await this.#pipe.forward(producer);
        piped.hold(this.#isHeld(producer.id));
        if (!producer.closed) this.#piped.set(producer.id, piped);
        return piped;
      } catch (error) {
        if (producer.closed) throw new AppError('PRODUCER_NOT_FOUND', { cause: error });
        if (this.#closing.signal.aborted || this.#pipe.closed)
          throw new AppError('MEDIA_UNAVAILABLE', { cause: error });
        this.#logger.warn({ err: error, producerId: producer.id, attempt }, 'producer not forwarded, trying again');
      }
      const wait = Math.min(retryDelay.first * 2 ** attempt, retryDelay.max);
      await delay(wait, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }
}
