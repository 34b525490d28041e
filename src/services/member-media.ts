import type { RtpParameters } from 'mediasoup/types';
import { AppError } from '../core/errors.ts';
import type { NodeId } from '../core/ids.ts';
import type { MediaSource } from '../core/model.ts';
import type { TransportDescription } from '../media/member-transport.ts';
import type { LocalMember } from './local-room.ts';
import type { RoomStore } from './room-store.ts';

/** A member's audio: the rules (who may send) on top of what mediasoup does, and what the others are told. */
export class MemberMedia {
  readonly #store: RoomStore;
  readonly #nodeId: NodeId;

  constructor(store: RoomStore, nodeId: NodeId) {
    this.#store = store;
    this.#nodeId = nodeId;
  }

  /** @throws AppError NOT_SEATED for a send transport without a seat, MEDIA_UNAVAILABLE */
  async createTransport(
    { roomId, userId, sessionId, room }: LocalMember,
    direction: 'send' | 'receive',
  ): Promise<TransportDescription> {
    if (direction === 'send' && !(await this.#store.isSeated(roomId, userId))) throw new AppError('NOT_SEATED');
    return room.media.createTransport(sessionId, direction);
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
    if (!(await this.#store.isSeated(roomId, userId))) throw new AppError('NOT_SEATED');
    const producer = await room.media.produce({ sessionId, userId }, transportId, options);
    try {
      await this.#store.openProducer(member, producer, this.#nodeId);
    } catch (error) {
      await room.media.closeProducer(sessionId, producer.producerId).catch(() => undefined);
      throw error;
    }
    return { producerId: producer.producerId };
  }

  /** Mutes. @throws AppError PRODUCER_NOT_FOUND, NOT_IN_ROOM */
  async pause(member: LocalMember, producerId: string): Promise<void> {
    await member.room.media.pauseProducer(member.sessionId, producerId);
    await this.#store.pauseProducer(member, producerId, true);
  }

  /** Unmutes. @throws AppError PRODUCER_NOT_FOUND, NOT_IN_ROOM */
  async resume(member: LocalMember, producerId: string): Promise<void> {
    await member.room.media.resumeProducer(member.sessionId, producerId);
    await this.#store.pauseProducer(member, producerId, false);
  }

  /** Stops sending. @throws AppError PRODUCER_NOT_FOUND */
  async close(member: LocalMember, producerId: string): Promise<void> {
    await member.room.media.closeProducer(member.sessionId, producerId);
    await this.#store.closeProducer(member.roomId, member.userId, producerId, 'closed');
  }
}
