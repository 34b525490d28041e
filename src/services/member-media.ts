import type { RtpCapabilities, RtpParameters } from 'mediasoup/types';
import type { AudioPath } from '../core/audio-path.ts';
import { AppError } from '../core/errors.ts';
import type { NodeId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { MediaSource, ProducerDescription } from '../core/model.ts';
import type { ConsumerDescription } from '../media/member-consumers.ts';
import type { TransportDescription } from '../media/member-transport.ts';
import type { LocalMember } from './local-room.ts';
import type { ProducerStore } from './producer-store.ts';
import type { Seats } from './seats.ts';

/** All that a client needs to hear a room but its own DTLS parameters. */
export interface MediaOffer {
  readonly transport: TransportDescription;
  /** Paused; those whose voices are forwarded at the moment come first. */
  readonly consumers: readonly ConsumerDescription[];
}

/** A member's audio: the rules (who may send) on top of what mediasoup does, and what the others are told. */
export class MemberMedia {
  readonly #producers: ProducerStore;
  readonly #seats: Seats;
  readonly #nodeId: NodeId;
  readonly #logger: Logger;

  constructor(
    nodeId: NodeId,
    use: { readonly producers: ProducerStore; readonly seats: Seats; readonly logger: Logger },
  ) {
    this.#nodeId = nodeId;
    this.#producers = use.producers;
    this.#seats = use.seats;
    this.#logger = use.logger;
  }

  /** @throws AppError NOT_SEATED for a send transport without a seat, MEDIA_UNAVAILABLE */
  async createTransport(
    { roomId, userId, sessionId, room }: LocalMember,
    direction: 'send' | 'receive',
  ): Promise<TransportDescription> {
    if (direction === 'send' && !(await this.#seats.speakerOf(roomId, userId)).isSeated) {
      throw new AppError('NOT_SEATED');
    }
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
      const { consumers } = await room.media.consume(sessionId, transport.transportId, others, rtpCapabilities);
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
   *   MEDIA_UNAVAILABLE
   */
  async produce(
    member: LocalMember,
    transportId: string,
    options: { source: MediaSource; rtpParameters: RtpParameters; paused: boolean },
  ): Promise<{ producerId: string }> {
    const { room, sessionId, userId, roomId } = member;
    const { isSeated, isMutedByHost } = await this.#seats.speakerOf(roomId, userId);
    if (!isSeated) throw new AppError('NOT_SEATED');
    const producer = await room.media.produce({ sessionId, userId }, transportId, {
      ...options,
      mutedByHost: isMutedByHost,
    });
    try {
      await this.#producers.open(member, producer, this.#nodeId);
    } catch (error) {
      await room.media.closeProducer(sessionId, producer.producerId).catch(() => undefined);
      throw error;
    }
    return { producerId: producer.producerId };
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
    await member.room.media.closeProducer(member.sessionId, producerId);
    await this.#producers.close(member.roomId, member.userId, producerId, 'closed');
  }
}
