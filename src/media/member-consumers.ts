import type { Consumer, MediaKind, RtpCapabilities, RtpParameters } from 'mediasoup/types';
import type { ReceivingPath } from '../core/audio-path.ts';
import { AppError } from '../core/errors.ts';
import type { Audience } from './audience.ts';
import { mediaError } from './errors.ts';
import type { MemberTransport } from './member-transport.ts';
import type { StageProducer } from './stage.ts';

/** What a client needs to play a producer. */
export interface ConsumerDescription {
  readonly consumerId: string;
  /** Of the producer on the stage. */
  readonly producerId: string;
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  /** True while the speaker is muted. */
  readonly producerPaused: boolean;
}

const codes = { missing: 'PRODUCER_NOT_FOUND', refused: 'MEDIA_REJECTED' } as const;

/** The consumers on one receive transport, at most one for each producer. They go with their transport. */
export class MemberConsumers {
  readonly #transport: MemberTransport;
  /** By the id of the producer on the stage; those being made included. */
  readonly #byProducer = new Map<string, Promise<Consumer>>();
  readonly #consumers = new Map<string, Consumer>();

  constructor(transport: MemberTransport) {
    this.#transport = transport;
  }

  get size(): number {
    return this.#consumers.size;
  }

  /**
   * A paused consumer of `entry`, or the one that there is already.
   *
   * @param withinMs - how long to wait for `entry` to be carried to the audience
   * @throws AppError `CANNOT_CONSUME`, `PRODUCER_NOT_FOUND`, `MEDIA_REJECTED`, `MEDIA_UNAVAILABLE`, or what the
   *   transport was closed with; nothing is left then
   */
  async consume(
    audience: Audience,
    entry: StageProducer,
    rtpCapabilities: RtpCapabilities,
    withinMs?: number,
  ): Promise<ConsumerDescription> {
    let making = this.#byProducer.get(entry.id);
    if (!making) {
      making = this.#make(audience, entry, rtpCapabilities, withinMs);
      this.#byProducer.set(entry.id, making);
      making.catch(() => this.#byProducer.delete(entry.id));
    }
    const consumer = await making;
    return {
      consumerId: consumer.id,
      producerId: entry.id,
      kind: consumer.kind,
      rtpParameters: consumer.rtpParameters,
      producerPaused: entry.producer.paused,
    };
  }

  /** @throws AppError `CONSUMER_NOT_FOUND`, also when it was closed meanwhile */
  async resume(consumerId: string): Promise<void> {
    const consumer = this.#consumers.get(consumerId);
    if (!consumer) throw new AppError('CONSUMER_NOT_FOUND');
    try {
      await consumer.resume();
    } catch (error) {
      throw mediaError(error, { missing: 'CONSUMER_NOT_FOUND', refused: 'CONSUMER_NOT_FOUND' });
    }
    if (consumer.closed) throw new AppError('CONSUMER_NOT_FOUND');
  }

  /** How a producer of the stage flows to this client. */
  async describe(producerId: string): Promise<ReceivingPath['consumer']> {
    const consumer = await this.#byProducer.get(producerId)?.catch(() => undefined);
    if (!consumer || consumer.closed) return null;
    const stats = await consumer.getStats().catch(() => []);
    const sent = stats.some(({ type, bitrate }) => type === 'outbound-rtp' && bitrate > 0);
    return { paused: consumer.paused, sent };
  }

  async #make(
    audience: Audience,
    entry: StageProducer,
    rtpCapabilities: RtpCapabilities,
    withinMs?: number,
  ): Promise<Consumer> {
    let consumer: Consumer | undefined;
    try {
      const producer = await audience.forwarded(entry, withinMs);
      const { transport } = this.#transport;
      if (!audience.router.canConsume({ producerId: producer.id, rtpCapabilities })) {
        throw new AppError(producer.closed ? 'PRODUCER_NOT_FOUND' : 'CANNOT_CONSUME');
      }
      consumer = await transport.consume({ producerId: producer.id, rtpCapabilities, paused: true });
      this.#transport.assertOpen();
      if (consumer.closed || entry.producer.closed) throw new AppError('PRODUCER_NOT_FOUND');
    } catch (error) {
      consumer?.close();
      this.#transport.assertOpen();
      throw mediaError(error, codes);
    }
    const { id } = consumer;
    this.#consumers.set(id, consumer);
    consumer.observer.once('close', () => {
      this.#consumers.delete(id);
      this.#byProducer.delete(entry.id);
    });
    return consumer;
  }
}
