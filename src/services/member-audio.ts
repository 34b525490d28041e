import type { RtpCapabilities, RtpParameters } from 'mediasoup/types';
import type { AudioPath } from '../core/audio-path.ts';
import { AppError } from '../core/errors.ts';
import type { NodeId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { MediaSource, ProducerDescription } from '../core/model.ts';
import type { ConsumerDescription } from '../media/member-consumers.ts';
import type { TransportDescription } from '../media/member-transport.ts';
import type { LocalMember } from './local-room.ts';
import { ignoreGone, type ProducerStore } from './producer-store.ts';
import type { Seats } from './seats.ts';

/** All that a client needs to hear a room but its own DTLS parameters. */
export interface MediaOffer {
  readonly transport: TransportDescription;
  /** Paused; those whose voices are forwarded at the moment come first. */
  readonly consumers: readonly ConsumerDescription[];
}

/**
 * How long a join waits for voices that are still being carried to the listener's router, ms. The others are in the answer
 * at once; what is missing is consumed later, like that of somebody who begins to speak.
 */
const offerWithinMs = 1_000;

/** A member's audio: the rules (who may send) on top of what mediasoup does, and what the others are told. */
export class MemberAudio {
  readonly #producers: Pick<ProducerStore, 'open' | 'pause' | 'close'>;
  readonly #seats: Pick<Seats, 'speakerOf'>;
  readonly #nodeId: NodeId;
  readonly #logger: Logger;

  constructor(
    nodeId: NodeId,
    use: {
      readonly producers: Pick<ProducerStore, 'open' | 'pause' | 'close'>;
      readonly seats: Pick<Seats, 'speakerOf'>;
      readonly logger: Logger;
    },
  ) {
    this.#nodeId = nodeId;
    this.#producers = use.producers;
    this.#seats = use.seats;
    this.#logger = use.logger;
  }

  /** @throws AppError NOT_SEATED for a send transport without a seat, NOT_IN_ROOM, MEDIA_UNAVAILABLE */
  async createTransport(
    { roomId, userId, sessionId, room }: LocalMember,
    direction: 'send' | 'receive',
  ): Promise<TransportDescription> {
    if (direction === 'send' && !(await this.#seats.speakerOf(roomId, userId)).isSeated) {
      throw new AppError('NOT_SEATED');
    }
    // The membership may have ended meanwhile: nothing would close a transport that is made after that.
    if (room.member(sessionId) === null) throw new AppError('NOT_IN_ROOM');
    return room.media.createTransport(sessionId, direction);
  }

  /**
   * A receive transport and paused consumers of what the others send, all at once: what a joining client needs to hear.
   *
   * @param producers - the room's; those that cannot be consumed are left out, and can be asked for with `media.consume`
   * @returns null when it cannot be had, which must not keep anybody from joining
   */
  async offer(
    member: LocalMember,
    producers: readonly ProducerDescription[],
    rtpCapabilities: RtpCapabilities,
  ): Promise<MediaOffer | null> {
    const { room, sessionId, userId, roomId } = member;
    const others = producers.flatMap((producer) => (producer.userId === userId ? [] : [producer.producerId]));
    try {
      const transport = await room.media.createTransport(sessionId, 'receive');
      const { transportId } = transport;
      const consuming = room.media.consume(sessionId, transportId, others, rtpCapabilities, offerWithinMs);
      const { consumers } = await consuming;
      const isHeld = ({ producerId }: ConsumerDescription) => Number(room.media.isHeld(producerId));
      return { transport, consumers: consumers.toSorted((a, b) => isHeld(a) - isHeld(b)) };
    } catch (error) {
      this.#logger.debug({ err: error, roomId, userId }, 'No media could be offered at the join');
      return null;
    }
  }

  /**
   * Starts sending. The others see the producer only once Redis has it, and Redis takes it only from a seat.
   *
   * @throws AppError NOT_SEATED, NOT_IN_ROOM, TRANSPORT_NOT_FOUND, TRANSPORT_WRONG_DIRECTION, MEDIA_REJECTED,
   *   MEDIA_UNAVAILABLE; PRODUCER_NOT_FOUND when another call closed or replaced it meanwhile
   */
  async produce(
    member: LocalMember,
    transportId: string,
    options: { source: MediaSource; rtpParameters: RtpParameters; paused: boolean },
  ): Promise<{ producerId: string }> {
    const { room, sessionId, userId, roomId } = member;
    const { isSeated, isMutedByHost } = await this.#seats.speakerOf(roomId, userId);
    if (!isSeated) throw new AppError('NOT_SEATED');
    const { media } = room;
    const producer = await media.produce({ sessionId, userId }, transportId, {
      ...options,
      mutedByHost: isMutedByHost,
    });
    const { producerId } = producer;
    try {
      await this.#producers.open(member, producer, this.#nodeId);
    } catch (error) {
      await media.closeProducer(sessionId, producerId).catch(() => undefined);
      throw error;
    }
    // It may have gone before Redis had it, so nobody else says that it is gone: with its worker, or replaced.
    if (!media.hasProducer(producerId)) {
      await this.#producers.close(roomId, userId, producerId, 'failed').catch(ignoreGone);
      throw new AppError(media.closed ? 'MEDIA_UNAVAILABLE' : 'PRODUCER_NOT_FOUND');
    }
    return { producerId };
  }

  /** Mutes. @throws AppError PRODUCER_NOT_FOUND, NOT_IN_ROOM */
  async pause(member: LocalMember, producerId: string): Promise<void> {
    await member.room.media.pauseProducer(member.sessionId, producerId);
    await this.#producers.pause(member, producerId, true);
  }

  /** Unmutes. @throws AppError PRODUCER_NOT_FOUND, NOT_IN_ROOM; MUTED_BY_HOST, which only a host lifts */
  async resume(member: LocalMember, producerId: string): Promise<void> {
    await this.#producers.pause(member, producerId, false);
    await member.room.media.resumeProducer(member.sessionId, producerId);
  }

  /** What of a speaker's way to this member can be seen here: facts, of which the client makes a cause with its own. */
  async diagnose({ roomId, room, sessionId, userId }: LocalMember, speaker: UserId): Promise<AudioPath> {
    const [{ isSeated, isMutedByHost }, { sending, receiving }] = await Promise.all([
      this.#seats.speakerOf(roomId, speaker),
      room.media.describePath(sessionId, speaker),
    ]);
    return {
      userId: speaker,
      seated: isSeated,
      mutedByHost: isMutedByHost,
      sending,
      receiving: userId === speaker ? null : receiving,
    };
  }

  /** Stops sending. @throws AppError PRODUCER_NOT_FOUND */
  async close(member: LocalMember, producerId: string): Promise<void> {
    // Closed already when this is asked again because Redis could not be told.
    await member.room.media.closeProducer(member.sessionId, producerId).catch(ignoreGone);
    await this.#producers.close(member.roomId, member.userId, producerId, 'closed');
  }
}
