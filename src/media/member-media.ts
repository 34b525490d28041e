import type { IceParameters, RtpCapabilities } from 'mediasoup/types';
import type { ReceivingPath, TransportState } from '../core/audio-path.ts';
import { type AppCode, AppError } from '../core/errors.ts';
import type { SessionId, UserId } from '../core/ids.ts';
import type { MediaSource, ProducerDescription } from '../core/model.ts';
import type { AudienceGroup, AudiencePlace } from './audience-group.ts';
import { mediaError } from './errors.ts';
import { type ConsumerDescription, MemberConsumers } from './member-consumers.ts';
import { type Direction, MemberTransport, type TransportDescription } from './member-transport.ts';
import { cleanRtpParameters } from './parameters.ts';
import type { Stage, StageProducer } from './stage.ts';

export interface ProduceOptions {
  readonly source: MediaSource;
  readonly rtpParameters: unknown;
  /** Start muted. */
  readonly paused: boolean;
  /** A host has taken the user's voice. Default: false. */
  readonly mutedByHost?: boolean;
}

/** A new producer, and the one of the same source that it took the place of. */
export type ProduceResult = ProducerDescription & { readonly replaced?: string };

export interface ConsumeResult {
  readonly consumers: ConsumerDescription[];
  readonly failed: { producerId: string; code: AppCode }[];
}

export interface ResumeResult {
  readonly resumed: string[];
  readonly failed: { consumerId: string; code: AppCode }[];
}

export interface MemberMediaOptions {
  readonly sessionId: SessionId;
  readonly stage: Stage;
  readonly audiences: AudienceGroup;
  /** A producer was closed by a call that then failed, so that its id was never answered. */
  readonly onProducerLost: (producer: StageProducer) => void;
}

/** The transports, producers and consumers of one session. Everything a client names is looked up in here only. */
export class MemberMedia {
  readonly sessionId: SessionId;
  readonly #stage: Stage;
  readonly #audiences: AudienceGroup;
  readonly #onProducerLost: (producer: StageProducer) => void;
  #userId: UserId | undefined;
  #mutedByHost = false;
  /** Producers that their owner has paused. */
  readonly #paused = new WeakSet<StageProducer>();
  #send: MemberTransport | undefined;
  #receive: MemberTransport | undefined;
  #consumers: MemberConsumers | undefined;
  #place: AudiencePlace | undefined;
  #closed = false;
  /** Raised when all producers are closed, so that one still being made learns of it. */
  #produceGeneration = 0;
  /** Settles, and never rejects, with the last produce of each source: the next one waits for it. */
  readonly #producing = new Map<MediaSource, Promise<void>>();

  constructor({ sessionId, stage, audiences, onProducerLost }: MemberMediaOptions) {
    this.sessionId = sessionId;
    this.#stage = stage;
    this.#audiences = audiences;
    this.#onProducerLost = onProducerLost;
  }

  /** Who produces with this session; known from the first produce on. */
  get userId(): UserId | undefined {
    return this.#userId;
  }

  get counts(): { transports: number; consumers: number } {
    return { transports: this.transportIds.length, consumers: this.#consumers?.size ?? 0 };
  }

  /** Those that are there, and not about to be. */
  get transportIds(): string[] {
    return [this.#send?.id, this.#receive?.id].filter((id) => id !== undefined);
  }

  /** How the path is on which this client sends; null without one. */
  get sendState(): TransportState | null {
    return this.#send?.state ?? null;
  }

  /** How a producer of the stage comes to this client, if one is named. */
  async describeReceiving(producerId: string | undefined): Promise<ReceivingPath> {
    const consumer = producerId === undefined ? null : ((await this.#consumers?.describe(producerId)) ?? null);
    return { transport: this.#receive?.state ?? null, consumer };
  }

  /** A transport for `direction`; it replaces the one there is, with all that is on it. */
  createTransport(direction: Direction): Promise<TransportDescription> {
    return direction === 'send' ? this.#createSend() : this.#createReceive();
  }

  async connectTransport(transportId: string, dtlsParameters: unknown): Promise<void> {
    await this.#transport(transportId).connect(dtlsParameters);
  }

  async restartIce(transportId: string): Promise<IceParameters> {
    return this.#transport(transportId).restartIce();
  }

  /** Produces of one source run one after the other: the last one asked for stays. */
  async produce(userId: UserId, transportId: string, options: ProduceOptions): Promise<ProduceResult> {
    const transport = this.#transport(transportId, 'send');
    const generation = this.#produceGeneration;
    this.#userId = userId;
    this.#mutedByHost = options.mutedByHost ?? false;
    const assertWanted = () => {
      transport.assertOpen();
      if (this.#produceGeneration !== generation) throw new AppError('PRODUCER_NOT_FOUND');
    };
    const { source } = options;
    const previous = this.#producing.get(source) ?? Promise.resolve();
    const result = previous.then(() => this.#produce(userId, transport, options, assertWanted));
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#producing.set(source, settled);
    return result;
  }

  async pauseProducer(producerId: string): Promise<void> {
    const entry = this.#producer(producerId);
    this.#paused.add(entry);
    await this.#apply(entry);
  }

  async resumeProducer(producerId: string): Promise<void> {
    const entry = this.#producer(producerId);
    this.#paused.delete(entry);
    await this.#apply(entry);
  }

  /** Whether the owner has paused a producer, whatever hosts have done. */
  isPaused(entry: StageProducer): boolean {
    return this.#paused.has(entry);
  }

  /** Takes the user's voice or gives it back; what the user has paused stays paused. */
  setMutedByHost(muted: boolean): void {
    if (this.#mutedByHost === muted) return;
    this.#mutedByHost = muted;
    // One that is closed meanwhile is silent enough.
    for (const entry of this.#own) void this.#apply(entry).catch(() => undefined);
  }

  closeProducer(producerId: string): void {
    this.#stage.closeProducer(this.#producer(producerId));
  }

  /** Closes every producer, those still being made included; answers the ids of those that were there. */
  closeProducers(): string[] {
    this.#produceGeneration++;
    const own = this.#own;
    for (const entry of own) this.#stage.closeProducer(entry);
    return own.map((entry) => entry.id);
  }

  async consume(
    transportId: string,
    producerIds: readonly string[],
    rtpCapabilities: RtpCapabilities,
    withinMs?: number,
  ): Promise<ConsumeResult> {
    const transport = this.#transport(transportId, 'receive');
    const consumers = this.#consumers;
    const audience = await this.#place?.audience;
    transport.assertOpen();
    if (!audience || !consumers) throw new AppError('TRANSPORT_NOT_FOUND');
    const result = await settleEach(producerIds, async (producerId) => {
      const entry = this.#stage.get(producerId);
      if (!entry) throw new AppError('PRODUCER_NOT_FOUND');
      return consumers.consume(audience, entry, rtpCapabilities, withinMs);
    });
    transport.assertOpen();
    return { consumers: result.done, failed: result.failed.map(({ id, code }) => ({ producerId: id, code })) };
  }

  async resumeConsumers(consumerIds: readonly string[]): Promise<ResumeResult> {
    const result = await settleEach(consumerIds, async (consumerId) => {
      if (!this.#consumers) throw new AppError('CONSUMER_NOT_FOUND');
      await this.#consumers.resume(consumerId);
      return consumerId;
    });
    return { resumed: result.done, failed: result.failed.map(({ id, code }) => ({ consumerId: id, code })) };
  }

  /**
   * Closes everything, what is still being made included.
   *
   * @param code - what calls that are still under way fail with
   * @returns ids of the producers that were there
   */
  close(code: AppCode): string[] {
    if (this.#closed) return [];
    this.#closed = true;
    const producerIds = this.closeProducers();
    this.#send?.close(code);
    this.#receive?.close(code);
    return producerIds;
  }

  #createSend(): Promise<TransportDescription> {
    const transport: MemberTransport = new MemberTransport('send', () => {
      if (this.#send === transport) this.#send = undefined;
    });
    this.#send?.close('TRANSPORT_NOT_FOUND');
    this.#send = transport;
    return transport.open(() => this.#stage.createTransport());
  }

  #createReceive(): Promise<TransportDescription> {
    const place = this.#place ?? this.#audiences.take();
    const transport: MemberTransport = new MemberTransport('receive', () => {
      // A replaced transport leaves the place to its successor.
      if (this.#receive !== transport) return;
      this.#receive = undefined;
      this.#consumers = undefined;
      this.#place = undefined;
      place.release();
    });
    const replaced = this.#receive;
    this.#place = place;
    this.#receive = transport;
    this.#consumers = new MemberConsumers(transport);
    replaced?.close('TRANSPORT_NOT_FOUND');
    return transport.open(async () => (await place.audience).createTransport());
  }

  async #produce(
    userId: UserId,
    transport: MemberTransport,
    { source, rtpParameters, paused }: ProduceOptions,
    assertWanted: () => void,
  ): Promise<ProduceResult> {
    assertWanted();
    const clean = cleanRtpParameters(rtpParameters);
    // First, since a client that missed the answer asks again with the same MID, and a transport takes a MID once.
    const replaced = this.#own.find((entry) => entry.source === source);
    if (replaced) this.#stage.closeProducer(replaced);
    try {
      const entry = await this.#stage.produce(transport.transport, {
        sessionId: this.sessionId,
        userId,
        source,
        rtpParameters: clean,
        paused: paused || this.#mutedByHost,
        assertWanted,
      });
      if (paused) this.#paused.add(entry);
      // A host may have muted or unmuted the user while it was made.
      if (entry.producer.paused !== (paused || this.#mutedByHost)) await this.#apply(entry);
      return { producerId: entry.id, userId, source, paused, ...(replaced && { replaced: replaced.id }) };
    } catch (error) {
      if (replaced) this.#onProducerLost(replaced);
      assertWanted();
      throw mediaError(error, { missing: 'TRANSPORT_NOT_FOUND', refused: 'MEDIA_REJECTED' });
    }
  }

  #transport(transportId: string, direction?: Direction): MemberTransport {
    const transport = [this.#send, this.#receive].find((candidate) => candidate?.id === transportId);
    if (!transport) throw new AppError('TRANSPORT_NOT_FOUND');
    if (direction && transport.direction !== direction) throw new AppError('TRANSPORT_WRONG_DIRECTION');
    return transport;
  }

  #producer(producerId: string): StageProducer {
    const entry = this.#stage.get(producerId);
    if (entry?.sessionId !== this.sessionId) throw new AppError('PRODUCER_NOT_FOUND');
    return entry;
  }

  get #own(): StageProducer[] {
    return [...this.#stage.producers].filter((entry) => entry.sessionId === this.sessionId);
  }

  /** Pauses or resumes a producer as its owner and the hosts have it. */
  async #apply(entry: StageProducer): Promise<void> {
    const { producer } = entry;
    const silent = this.#mutedByHost || this.#paused.has(entry);
    await (silent ? producer.pause() : producer.resume()).catch((error: unknown) => {
      throw mediaError(error, { missing: 'PRODUCER_NOT_FOUND', refused: 'PRODUCER_NOT_FOUND' });
    });
    if (producer.closed) throw new AppError('PRODUCER_NOT_FOUND');
  }
}

/** Runs `work` for each distinct id at once, and sorts the outcomes. */
async function settleEach<T>(
  ids: readonly string[],
  work: (id: string) => Promise<T>,
): Promise<{ done: T[]; failed: { id: string; code: AppCode }[] }> {
  const distinct = [...new Set(ids)];
  const outcomes = await Promise.allSettled(distinct.map(work));
  const done: T[] = [];
  const failed: { id: string; code: AppCode }[] = [];
  outcomes.forEach((outcome, index) => {
    if (outcome.status === 'fulfilled') done.push(outcome.value);
    else failed.push({ id: distinct[index] ?? '', code: codeOf(outcome.reason) });
  });
  return { done, failed };
}

function codeOf(error: unknown): AppCode {
  return error instanceof AppError ? error.code : 'INTERNAL';
}
