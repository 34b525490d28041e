import type { Producer } from 'mediasoup-client/types';
import type { ProducerDescription } from '../../src/core/model.ts';
import type { FlyLiveError } from './errors.ts';
import { retryableError, toFlyLiveError } from './errors.ts';
import { MediaTransport } from './media-transport.ts';
import type { MediaContext, Resumption } from './media-transport.ts';
import { Reconciler } from './reconciler.ts';

/** Speech: one channel, forward error correction in band. */
const speech = { opusStereo: false, opusFec: true };

interface Wanted {
  readonly track: MediaStreamTrack;
  readonly paused: boolean;
}

/** Sends the microphone it is told to send: one send transport, one producer. The track stays the caller's. */
export class Sender {
  readonly #context: MediaContext;
  readonly #onProblem: (error: FlyLiveError) => void;
  readonly #reconciler: Reconciler;
  #wanted: Wanted | undefined;
  #transport: MediaTransport | undefined;
  #producer: Producer | undefined;
  /** Whether the server has the producer paused. */
  #pausedThere = false;

  /** @param onProblem - told when audio cannot be sent and trying again will not help */
  constructor(context: MediaContext, onProblem: (error: FlyLiveError) => void) {
    this.#context = context;
    this.#onProblem = onProblem;
    this.#reconciler = new Reconciler(() => this.#reconcile(), onProblem);
  }

  /** Sends `track` from now on; paused means muted, which takes effect here at once. */
  send(track: MediaStreamTrack, paused: boolean): void {
    this.#wanted = { track, paused };
    track.enabled = !paused;
    this.#reconciler.kick();
  }

  /**
   * Sends nothing any more. The server closes the producer itself when the seat is left; the transport is kept for the
   * next seat.
   */
  stop(): void {
    this.#wanted = undefined;
    this.#dropProducer();
  }

  /**
   * After a resumed session: mends what broke in the meantime.
   *
   * @param producers - what the server has
   */
  resume(producers: readonly ProducerDescription[], { transportIds, moved }: Resumption): void {
    if (this.#transport && !transportIds.includes(this.#transport.transport.id)) this.#forget();
    this.#transport?.resume(moved);
    const known = producers.find(({ producerId }) => producerId === this.#producer?.id);
    if (known) this.#pausedThere = known.paused;
    else this.#dropProducer();
    this.#reconciler.kick();
  }

  /**
   * Sends anew if the server no longer has the producer.
   *
   * @param producers - what the server has
   */
  checkProducer(producers: readonly ProducerDescription[]): void {
    const id = this.#producer?.id;
    if (id !== undefined && !producers.some(({ producerId }) => producerId === id)) this.producerFailed(id);
  }

  /** The device may have another address now. */
  networkChanged(): void {
    this.#transport?.restart();
  }

  /** The server closed this producer by itself: sends anew if that was ours. */
  producerFailed(producerId: string): void {
    if (this.#producer?.id !== producerId) return;
    this.#dropProducer();
    this.#reconciler.kick();
  }

  /** The server lost these routers, and has others: builds anew what was on them. */
  routersReplaced(routerIds: readonly string[]): void {
    if (this.#transport && routerIds.includes(this.#transport.routerId)) this.rebuild();
  }

  /** After a lost session, or when the server lost the transport: builds everything anew. */
  rebuild(): void {
    this.#forget();
    this.#reconciler.kick();
  }

  close(): void {
    this.#reconciler.close();
    this.#wanted = undefined;
    this.#forget();
  }

  async #reconcile(): Promise<void> {
    if (!this.#wanted) return;
    const transport = this.#transport ?? (await this.#open());
    try {
      const producer = this.#producer ?? (await this.#produce(transport));
      if (producer) await this.#follow(producer);
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      const isLost = error.code === 'TRANSPORT_NOT_FOUND' || error.code === 'PRODUCER_NOT_FOUND';
      if (!isLost && !transport.closed) throw error;
      if (this.#transport === transport) this.#forget();
      throw retryableError(error);
    }
  }

  async #open(): Promise<MediaTransport> {
    const transport = await MediaTransport.open(this.#context, {
      direction: 'send',
      onGone: () => this.rebuild(),
      onProblem: this.#onProblem,
    });
    if (this.#reconciler.closed) transport.close();
    else this.#transport = transport;
    return transport;
  }

  async #produce({ transport }: MediaTransport): Promise<Producer | undefined> {
    const wanted = this.#wanted;
    if (!wanted) return undefined;
    const { track, paused } = wanted;
    const { dtx: opusDtx, packetMs: opusPtime } = this.#context.opus();
    const codecOptions = { ...speech, opusDtx, opusPtime };
    const producer = await transport.produce({ track, codecOptions, stopTracks: false, appData: { paused } });
    // The seat may have been left while the server answered; it has closed its end then.
    if (!this.#wanted || transport.closed) {
      producer.close();
      return undefined;
    }
    this.#producer = producer;
    this.#pausedThere = paused;
    return producer;
  }

  /** Brings the track and the mute state of a running producer to what is wanted. */
  async #follow(producer: Producer): Promise<void> {
    const wanted = this.#wanted;
    if (!wanted) return;
    const { track, paused } = wanted;
    // Keeps the producer's idea of the track's `enabled` in step.
    if (paused) producer.pause();
    else producer.resume();
    if (producer.track !== track) await producer.replaceTrack({ track });
    if (this.#pausedThere === paused) return;
    const { roomId, call } = this.#context;
    const producerId = producer.id;
    await call((api) =>
      paused
        ? api.media.pauseProducer.mutate({ roomId, producerId })
        : api.media.resumeProducer.mutate({ roomId, producerId }),
    );
    this.#pausedThere = paused;
  }

  #dropProducer(): void {
    this.#producer?.close();
    this.#producer = undefined;
  }

  #forget(): void {
    this.#dropProducer();
    this.#transport?.close();
    this.#transport = undefined;
  }
}
