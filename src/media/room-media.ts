import type { IceParameters, RtpCapabilities } from 'mediasoup/types';
import type { ReceivingPath, SendingPath } from '../core/audio-path.ts';
import { Emitter } from '../core/emitter.ts';
import { type AppCode, AppError } from '../core/errors.ts';
import type { MemberQuality, SpeakerLevel } from '../core/events.ts';
import type { RoomId, SessionId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { OpusSettings } from '../core/model.ts';
import { AudienceGroup } from './audience-group.ts';
import { mediaError } from './errors.ts';
import {
  type ConsumeResult,
  MemberMedia,
  type ProduceOptions,
  type ProduceResult,
  type ResumeResult,
} from './member-media.ts';
import type { Direction, TransportDescription } from './member-transport.ts';
import { QualitySampler } from './quality-sampler.ts';
import { SpeakerSelection } from './speaker-selection.ts';
import { Stage, type StageProducer } from './stage.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface RoomMediaOptions {
  readonly roomId: RoomId;
  readonly pool: WorkerPool;
  readonly logger: Logger;
  /** Sessions with a receive transport that one audience router takes before another is opened. Default: 500. */
  readonly listenersPerRouter?: number;
  /** How speakers encode. Default: packets of 20 ms, in silence too. */
  readonly opus?: OpusSettings;
  /** How many speakers, the loudest, are forwarded at a time; 0 or left out: all. */
  readonly maxForwardedSpeakers?: number;
  /** How often the quality of each producer is read while it is watched, ms. Default: 5,000. */
  readonly qualityIntervalMs?: number;
}

export interface RoomMediaEvents {
  /** Everybody who is audible, loudest first, every 250 ms; empty once when silence begins. */
  levels: [levels: SpeakerLevel[]];
  /** Whose voices reach the listeners now, by user id; after each change. */
  forwarded: [userIds: UserId[]];
  /** How well the voices arrive, one entry a user who sends; after each change of a class, while it is watched. */
  qualities: [qualities: MemberQuality[]];
  /** A producer ended without a call having answered its id: its transport failed, or was replaced. */
  producerFailed: [producer: { producerId: string; userId: UserId }];
  /**
   * A worker died and took these routers along, and all that was on them. Without the stage nothing is left: `isClosed`
   * is true then. Without an audience router only those who listened there have to make other transports.
   */
  routersLost: [routerIds: string[], isClosed: boolean];
  closed: [];
}

const usualOpus: OpusSettings = { packetMs: 20, dtx: false };
/**
 * With fewer sessions the places of silent speakers are kept. Each of their packets costs about 12 us a listener; to look
 * at it instead, for the beginning of speech, costs 36 us, most of it in Node.js, and that beginning.
 */
const fewSessions = 10;

export interface RoomMediaCounts {
  readonly sessions: number;
  /** Of clients; pipes are not counted. */
  readonly transports: number;
  readonly producers: number;
  readonly consumers: number;
}

/**
 * One room's media. Send transports live on the stage router, receive transports (those of speakers too) on audience
 * routers that the stage feeds; clients only ever see the stage's producer ids.
 *
 * Calls throw {@link AppError}. An id that is not the session's own is as unknown as one that never was. A call during
 * which its session or the room is closed throws (`NOT_IN_ROOM`, `MEDIA_UNAVAILABLE`) and leaves nothing behind.
 */
export class RoomMedia extends Emitter<RoomMediaEvents> {
  readonly roomId: RoomId;
  readonly #stage: Stage;
  readonly #selection: SpeakerSelection;
  readonly #quality: QualitySampler;
  readonly #audiences: AudienceGroup;
  readonly #members = new Map<SessionId, MemberMedia>();
  /** Routers that are about to be reported as lost. */
  readonly #lost = new Set<string>();
  #closed = false;

  /** @throws AppError `MEDIA_UNAVAILABLE` when no worker can take the room */
  static async open(options: RoomMediaOptions): Promise<RoomMedia> {
    try {
      const { pool, logger, opus = usualOpus } = options;
      return new RoomMedia(options, await Stage.open(pool.leastLoaded(), logger, opus.packetMs));
    } catch (error) {
      throw mediaError(error, { missing: 'MEDIA_UNAVAILABLE', refused: 'MEDIA_UNAVAILABLE' });
    }
  }

  private constructor(options: RoomMediaOptions, stage: Stage) {
    const { roomId, pool, logger, listenersPerRouter = 500, maxForwardedSpeakers = 0, opus = usualOpus } = options;
    super((event, error) => logger.error({ err: error, event, roomId }, 'listener of the room media failed'));
    this.roomId = roomId;
    this.#stage = stage;
    // Before the audiences, which ask it about each new producer.
    const keepsSilent = () => opus.dtx || this.#members.size < fewSessions;
    const selection = new SpeakerSelection(stage, { places: maxForwardedSpeakers, keepsSilent }, logger);
    const isHeld = (producerId: string) => selection.isHeld(producerId);
    const audiences = new AudienceGroup({
      pool,
      stage,
      logger,
      listenersPerRouter,
      maxForwarded: maxForwardedSpeakers || Infinity,
      isHeld,
      onLost: (id) => this.#onLost([id]),
    });
    selection.on('held', (producerId, held) => audiences.hold(producerId, held));
    selection.on('forwarded', (userIds) => this.emit('forwarded', userIds));
    this.#selection = selection;
    this.#quality = new QualitySampler(stage, logger, options.qualityIntervalMs);
    this.#quality.on('qualities', (qualities) => this.emit('qualities', qualities));
    this.#audiences = audiences;
    stage.on('lost', () => this.#onStageLost());
    stage.on('levels', (levels) => this.emit('levels', levels));
    stage.on('failed', (entry) => this.emit('producerFailed', { producerId: entry.id, userId: entry.userId }));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What a device must support; the same for all rooms. */
  get rtpCapabilities(): RtpCapabilities {
    return this.#stage.router.rtpCapabilities;
  }

  get counts(): RoomMediaCounts {
    const members = [...this.#members.values()].map((member) => member.counts);
    return {
      sessions: members.length,
      transports: members.reduce((sum, { transports }) => sum + transports, 0),
      producers: this.#stage.size,
      consumers: members.reduce((sum, { consumers }) => sum + consumers, 0),
    };
  }

  /** How well the voices arrive, one entry a user who sends and was measured; empty while nobody watches. */
  get qualities(): MemberQuality[] {
    return this.#quality.qualities;
  }

  /** Reads the quality of connections from now on, or no longer. */
  watchQuality(watched: boolean): void {
    if (!this.#closed) this.#quality.watch(watched);
  }

  /** Whether a producer is kept from the listeners now, because others are louder. */
  isHeld(producerId: string): boolean {
    return this.#selection.isHeld(producerId);
  }

  /** A speaker's way to one session, as far as it is known here. */
  async describePath(
    sessionId: SessionId,
    speaker: UserId,
  ): Promise<{ sending: SendingPath | null; receiving: ReceivingPath }> {
    const listener = this.#members.get(sessionId);
    const entry = [...this.#stage.producers].find(
      ({ userId, source }) => userId === speaker && source === 'microphone',
    );
    const [sending, receiving] = await Promise.all([
      this.#describeSending(speaker, entry),
      listener?.describeReceiving(entry?.id) ?? { transport: null, consumer: null },
    ]);
    return { sending, receiving };
  }

  /** Whether there is a producer, on whatever session. */
  hasProducer(producerId: string): boolean {
    return !this.#closed && this.#stage.get(producerId) !== undefined;
  }

  /** The transports that a session has. */
  transportIdsOf(sessionId: SessionId): string[] {
    return this.#members.get(sessionId)?.transportIds ?? [];
  }

  hasSession(sessionId: SessionId): boolean {
    return this.#members.has(sessionId);
  }

  /**
   * A WebRTC transport for the session, which begins with its first one. One a direction: another one closes the first
   * and all that is on it, so a client that missed the answer asks again.
   *
   * @throws AppError `MEDIA_UNAVAILABLE`; `TRANSPORT_NOT_FOUND` when another call of this kind came in between
   */
  async createTransport(sessionId: SessionId, direction: Direction): Promise<TransportDescription> {
    this.#assertOpen();
    let member = this.#members.get(sessionId);
    if (!member) {
      member = new MemberMedia({
        sessionId,
        stage: this.#stage,
        audiences: this.#audiences,
        onProducerLost: ({ id, userId }) => {
          if (!this.#closed) this.emit('producerFailed', { producerId: id, userId });
        },
      });
      this.#members.set(sessionId, member);
    }
    return member.createTransport(direction);
  }

  /**
   * Starts DTLS; the same parameters again succeed again.
   *
   * @param dtlsParameters - the client's, unchecked
   * @throws AppError `TRANSPORT_NOT_FOUND`, `MEDIA_REJECTED`
   */
  async connectTransport(sessionId: SessionId, transportId: string, dtlsParameters: unknown): Promise<void> {
    await this.#member(sessionId, 'TRANSPORT_NOT_FOUND').connectTransport(transportId, dtlsParameters);
  }

  /** @throws AppError `TRANSPORT_NOT_FOUND` */
  async restartIce(sessionId: SessionId, transportId: string): Promise<IceParameters> {
    return this.#member(sessionId, 'TRANSPORT_NOT_FOUND').restartIce(transportId);
  }

  /**
   * Adds a producer: all of it or nothing. One of the same source that the session has already is closed first and
   * answered as `replaced`; if the new one then fails, it is reported by `producerFailed`.
   *
   * @param options - `rtpParameters` are the client's, unchecked
   * @throws AppError `TRANSPORT_NOT_FOUND`, `TRANSPORT_WRONG_DIRECTION`, `MEDIA_REJECTED`, or `PRODUCER_NOT_FOUND` when
   *   the user's producers were closed meanwhile
   */
  async produce(
    session: { readonly sessionId: SessionId; readonly userId: UserId },
    transportId: string,
    options: ProduceOptions,
  ): Promise<ProduceResult> {
    return this.#member(session.sessionId, 'TRANSPORT_NOT_FOUND').produce(session.userId, transportId, options);
  }

  /** @throws AppError `PRODUCER_NOT_FOUND` */
  async pauseProducer(sessionId: SessionId, producerId: string): Promise<void> {
    await this.#member(sessionId, 'PRODUCER_NOT_FOUND').pauseProducer(producerId);
  }

  /** @throws AppError `PRODUCER_NOT_FOUND` */
  async resumeProducer(sessionId: SessionId, producerId: string): Promise<void> {
    await this.#member(sessionId, 'PRODUCER_NOT_FOUND').resumeProducer(producerId);
  }

  /** Takes a user's voice, in every session, or gives it back; what the user has paused stays paused. */
  setMutedByHost(userId: UserId, muted: boolean): void {
    for (const member of this.#members.values()) if (member.userId === userId) member.setMutedByHost(muted);
  }

  /** @throws AppError `PRODUCER_NOT_FOUND` */
  async closeProducer(sessionId: SessionId, producerId: string): Promise<void> {
    this.#member(sessionId, 'PRODUCER_NOT_FOUND').closeProducer(producerId);
  }

  /**
   * Makes a paused consumer for each producer, all at once; one that the session has already is answered again.
   *
   * @param producerIds - of the stage, as `produce` answered them
   * @param rtpCapabilities - the client's, unchecked
   * @param withinMs - how long to wait for a producer that is not carried to the session's router yet. Default: 3 s
   * @returns what was made, and for each of the others why it was not (`PRODUCER_NOT_FOUND`, `CANNOT_CONSUME`,
   *   `MEDIA_REJECTED`, `MEDIA_UNAVAILABLE`)
   * @throws AppError `TRANSPORT_NOT_FOUND`, `TRANSPORT_WRONG_DIRECTION`
   */
  async consume(
    sessionId: SessionId,
    transportId: string,
    producerIds: readonly string[],
    rtpCapabilities: RtpCapabilities,
    withinMs?: number,
  ): Promise<ConsumeResult> {
    const member = this.#member(sessionId, 'TRANSPORT_NOT_FOUND');
    return member.consume(transportId, producerIds, rtpCapabilities, withinMs);
  }

  /** Lets audio flow; `failed` holds those that are not the session's or were closed (`CONSUMER_NOT_FOUND`). */
  async resumeConsumers(sessionId: SessionId, consumerIds: readonly string[]): Promise<ResumeResult> {
    return this.#member(sessionId, 'CONSUMER_NOT_FOUND').resumeConsumers(consumerIds);
  }

  /** Closes a producer, on whatever session. Again without effect. */
  dropProducer(producerId: string): void {
    const entry = this.#stage.get(producerId);
    if (entry) this.#stage.closeProducer(entry);
  }

  /**
   * Closes all producers of a user, in every session, those still being made included. Again without effect.
   *
   * @returns ids of the closed producers
   */
  closeProducersOf(userId: UserId): string[] {
    const members = [...this.#members.values()].filter((member) => member.userId === userId);
    return members.flatMap((member) => member.closeProducers());
  }

  /**
   * Closes everything of a session. Again without effect.
   *
   * @returns ids of the producers closed with it
   */
  closeSession(sessionId: SessionId): string[] {
    const member = this.#members.get(sessionId);
    this.#members.delete(sessionId);
    return member?.close('NOT_IN_ROOM') ?? [];
  }

  /** Closes all sessions and routers. Again without effect. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const member of this.#members.values()) member.close('MEDIA_UNAVAILABLE');
    this.#members.clear();
    this.#audiences.close();
    this.#stage.close();
    this.#selection.close();
    this.#quality.close();
    this.emit('closed');
  }

  async #describeSending(speaker: UserId, entry: StageProducer | undefined): Promise<SendingPath | null> {
    const members = [...this.#members.values()].filter(({ userId }) => userId === speaker);
    const member = entry ? this.#members.get(entry.sessionId) : members[0];
    if (!member) return null;
    if (!entry) return { transport: member.sendState, producer: null };
    const { id: producerId, producer } = entry;
    const stats = await producer.getStats().catch(() => []);
    return {
      transport: member.sendState,
      producer: {
        producerId,
        paused: member.isPaused(entry),
        arriving: stats.some(({ bitrate }) => bitrate > 0),
        score: Math.max(0, ...producer.score.map(({ score }) => score)),
        level: this.#stage.levelOf(producerId),
        forwarded: !producer.paused && !this.#selection.isHeld(producerId),
      },
    };
  }

  #onStageLost(): void {
    this.#onLost([this.#stage.router.id, ...this.#audiences.routerIds]);
    this.close();
  }

  /** A worker's routers are lost one after the other in one step; they are reported together after it. */
  #onLost(routerIds: readonly string[]): void {
    if (this.#closed) return;
    if (this.#lost.size === 0) {
      queueMicrotask(() => {
        const lost = [...this.#lost];
        this.#lost.clear();
        this.emit('routersLost', lost, this.#closed);
      });
    }
    for (const id of routerIds) this.#lost.add(id);
  }

  #assertOpen(): void {
    if (this.#closed) throw new AppError('MEDIA_UNAVAILABLE');
  }

  #member(sessionId: SessionId, otherwise: AppCode): MemberMedia {
    this.#assertOpen();
    const member = this.#members.get(sessionId);
    if (!member) throw new AppError(otherwise);
    return member;
  }
}
