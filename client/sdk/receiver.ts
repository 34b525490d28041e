import type { Consumer } from 'mediasoup-client/types';
import type { ProducerDescription } from '../../src/core/model.ts';
import type { Outputs } from './api.ts';
import { delay } from './back-off.ts';
import { FlyLiveError, retryableError, toFlyLiveError } from './errors.ts';
import { MediaTransport } from './media-transport.ts';
import type { MediaContext, Resumption } from './media-transport.ts';
import type { Playback } from './playback.ts';
import { Reconciler } from './reconciler.ts';
import { clientRtp } from './rtp-types.ts';

interface Voice {
  readonly userId: number;
  readonly consumer: Consumer;
  /** Consumers start paused; true once the server has confirmed that this one flows. */
  flowing: boolean;
}

/** How many voices are attached before the others: as many as are heard at a time. */
const firstVoices = 3;
/** How long the others wait for these to be connected, and the page for them to begin to be, at most, ms. */
const firstVoicesMs = 200;

type ConsumerOffer = Outputs['media']['consume']['consumers'][number];
/** What `room.join` answers of the media. */
type MediaOffer = NonNullable<Outputs['room']['join']['media']>;

/** Hears every producer it is told to want: one receive transport, one consumer a producer. */
export class Receiver {
  readonly #context: MediaContext;
  readonly #playback: Playback;
  readonly #onProblem: (error: FlyLiveError) => void;
  readonly #reconciler: Reconciler;
  readonly #voices = new Map<string, Voice>();
  /** Producers refused for good; asking again would not help. */
  readonly #refused = new Set<string>();
  #wanted: ReadonlyMap<string, ProducerDescription> = new Map();
  #transport: MediaTransport | undefined;
  /** Made by the server while the room was joined, and not taken up yet; and what to call when it begins to connect. */
  #offer: { readonly media: MediaOffer; readonly begun: () => void } | null = null;

  /** @param onProblem - told when audio cannot be received and trying again will not help */
  constructor(context: MediaContext, playback: Playback, onProblem: (error: FlyLiveError) => void) {
    this.#context = context;
    this.#playback = playback;
    this.#onProblem = onProblem;
    this.#reconciler = new Reconciler(() => this.#reconcile(), onProblem);
  }

  /** Says which producers to hear from now on, by producer id. */
  want(producers: ReadonlyMap<string, ProducerDescription>): void {
    this.#wanted = producers;
    this.#reconciler.kick();
  }

  /**
   * Begins a session; what there was before is gone.
   *
   * @param producers - as of {@link want}
   * @param offer - what joining answered
   * @returns as soon as the offer begins to connect, after 200 ms in any case: browsers need the page's thread until then
   */
  async start(producers: ReadonlyMap<string, ProducerDescription>, offer: MediaOffer | null): Promise<void> {
    this.#forget();
    const begun = Promise.withResolvers<undefined>();
    this.#offer = offer && { media: offer, begun: () => begun.resolve(undefined) };
    this.want(producers);
    if (offer) await Promise.race([begun.promise, delay(firstVoicesMs)]);
  }

  /** After a resumed session: mends what broke in the meantime. */
  resume({ transportIds, moved }: Resumption): void {
    if (this.#transport && !transportIds.includes(this.#transport.transport.id)) this.#forget();
    this.#transport?.resume(moved);
    this.#reconciler.kick();
  }

  /** The device may have another address now. */
  networkChanged(): void {
    this.#transport?.restart();
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

  /** See `Room.inboundAudioEnergy`. */
  energy(): Record<number, number> {
    const energies: Record<number, number> = {};
    for (const [producerId, { userId }] of this.#voices) {
      energies[userId] = (energies[userId] ?? 0) + this.#playback.energy(producerId);
    }
    return energies;
  }

  /** Packets that have arrived of somebody's voice until now. */
  async packetsReceived(userId: number): Promise<number> {
    let packets = 0;
    for (const voice of this.#voices.values()) {
      if (voice.userId !== userId || voice.consumer.closed) continue;
      const stats = await voice.consumer.getStats();
      for (const entry of stats.values() as Iterable<Record<string, unknown>>) {
        if (entry['type'] === 'inbound-rtp') packets += Number(entry['packetsReceived']);
      }
    }
    return packets;
  }

  close(): void {
    this.#reconciler.close();
    this.#forget();
  }

  async #reconcile(): Promise<void> {
    for (const producerId of [...this.#voices.keys()]) if (!this.#wanted.has(producerId)) this.#drop(producerId);
    // Opened even with nothing to hear yet: it saves round trips when somebody starts to speak.
    const attachOffered = this.#takeOffer();
    const transport = this.#transport ?? (await this.#open());
    try {
      await attachOffered?.();
      await this.#consumeMissing(transport);
      await this.#resumePaused();
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      if (error.code !== 'TRANSPORT_NOT_FOUND' && !transport.closed) throw error;
      if (this.#transport === transport) this.#forget();
      throw retryableError(error);
    }
  }

  /** Builds this end of an offer. @returns what attaches its voices */
  #takeOffer(): (() => Promise<void>) | undefined {
    const offered = this.#offer;
    this.#offer = null;
    if (!offered) return undefined;
    const { media: offer, begun } = offered;
    const { roomId, repeat } = this.#context;
    const consumerIds = offer.consumers.map(({ consumerId }) => consumerId);
    let flowing: Promise<readonly string[]> = Promise.resolve([]);
    const transport = new MediaTransport(this.#context, offer.transport, {
      direction: 'receive',
      onGone: () => this.rebuild(),
      onProblem: this.#onProblem,
      connect: (transportId, dtlsParameters) => {
        const input = { roomId, transportId, dtlsParameters, consumerIds };
        const started = repeat((api) => api.media.start.mutate(input));
        // A failure is the transport's to report.
        flowing = started.then(({ resumed }) => resumed).catch(() => []);
        return started;
      },
    });
    this.#transport = transport;
    if (consumerIds.length > 0) {
      void this.#context.timeLine.follow(transport.transport, () => this.#playback.soundBeganMsAgo());
    }
    return async () => {
      await this.#attachAll(transport.transport, offer.consumers, begun);
      const resumed = new Set(await flowing);
      for (const voice of this.#voices.values()) if (resumed.has(voice.consumer.id)) voice.flowing = true;
    };
  }

  /** Attaches the voices of an offer; they begin to flow in the same call that connects it. */
  async #attachAll(
    transport: MediaTransport['transport'],
    consumers: readonly ConsumerOffer[],
    begun: () => void,
  ): Promise<void> {
    const attach = (some: readonly ConsumerOffer[]) =>
      Promise.all(some.map((consumer) => this.#attach(transport, consumer)));
    // Each takes the browser some ms, and ICE stands still meanwhile, so those that can be heard now go first.
    const connected = Promise.withResolvers<undefined>();
    transport.on('connectionstatechange', (state) => {
      begun();
      if (state === 'connected') connected.resolve(undefined);
    });
    await attach(consumers.slice(0, firstVoices));
    if (consumers.length > firstVoices) {
      await Promise.race([connected.promise, delay(firstVoicesMs)]);
      await attach(consumers.slice(firstVoices));
    } else if (consumers.length === 0) begun();
  }

  async #open(): Promise<MediaTransport> {
    const transport = await MediaTransport.open(this.#context, {
      direction: 'receive',
      onGone: () => this.rebuild(),
      onProblem: this.#onProblem,
    });
    if (this.#reconciler.closed) transport.close();
    else this.#transport = transport;
    return transport;
  }

  async #consumeMissing({ transport }: MediaTransport): Promise<void> {
    const producerIds = [...this.#wanted.keys()].filter((id) => !this.#voices.has(id) && !this.#refused.has(id));
    if (producerIds.length === 0) return;
    const { roomId, device, call, logger } = this.#context;
    const rtpCapabilities = device.recvRtpCapabilities;
    const answer = await call((api) =>
      api.media.consume.mutate({ roomId, transportId: transport.id, producerIds, rtpCapabilities }),
    );
    await Promise.all(answer.consumers.map((offer) => this.#attach(transport, offer)));
    for (const { producerId, code } of answer.failed) {
      logger.debug('A producer cannot be consumed', producerId, code);
      // A producer that is gone already is about to leave the wanted ones too.
      if (code === 'CANNOT_CONSUME' || code === 'PRODUCER_NOT_FOUND') this.#refused.add(producerId);
      else throw new FlyLiveError(code, { message: 'A producer cannot be consumed right now', retryable: true });
    }
  }

  async #attach(transport: MediaTransport['transport'], offer: ConsumerOffer): Promise<void> {
    const producer = this.#wanted.get(offer.producerId);
    if (!producer) return;
    const consumer = await transport.consume({
      id: offer.consumerId,
      producerId: offer.producerId,
      kind: offer.kind,
      rtpParameters: clientRtp(offer.rtpParameters),
      // Browsers play the tracks of one stream in step; speakers must not wait for each other.
      streamId: String(producer.userId),
    });
    if (consumer.closed) return;
    this.#voices.set(offer.producerId, { userId: producer.userId, consumer, flowing: false });
    this.#playback.add(offer.producerId, consumer.track);
  }

  async #resumePaused(): Promise<void> {
    const paused = [...this.#voices.values()].filter(({ flowing }) => !flowing);
    if (paused.length === 0) return;
    const { roomId, call } = this.#context;
    const consumerIds = paused.map(({ consumer }) => consumer.id);
    const answer = await call((api) => api.media.resume.mutate({ roomId, consumerIds }));
    const resumed = new Set(answer.resumed);
    for (const voice of paused) {
      voice.flowing = resumed.has(voice.consumer.id);
      // The server has no such consumer any more: the next step asks for another if its producer is still wanted.
      if (!voice.flowing) this.#drop(voice.consumer.producerId);
    }
    if (resumed.size < paused.length) this.#reconciler.kick();
  }

  #drop(producerId: string): void {
    this.#voices.get(producerId)?.consumer.close();
    this.#voices.delete(producerId);
    this.#playback.remove(producerId);
  }

  #forget(): void {
    this.#offer = null;
    this.#transport?.close();
    this.#transport = undefined;
    this.#refused.clear();
    for (const producerId of [...this.#voices.keys()]) this.#drop(producerId);
  }
}
