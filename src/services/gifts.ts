import { AppError } from '../core/errors.ts';
import type { GiftEvent } from '../core/events.ts';
import type { GiftId, GiftTransactionId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Gift, GiftStatus, UserProfile } from '../core/model.ts';
import type { GiftQueue } from './gift-queue.ts';
import type { LocalMember } from './local-room.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RoomDirectory } from './room-directory.ts';
import type { RoomStore } from './room-store.ts';

/** What a sender asks for. */
export interface GiftRequest {
  readonly transactionId: GiftTransactionId;
  readonly giftId: GiftId;
  readonly recipientId: UserId;
  readonly quantity: number;
}

export interface GiftsDependencies {
  readonly store: RoomStore;
  readonly directory: RoomDirectory;
  readonly queue: GiftQueue;
  readonly limit: RateLimit;
  readonly logger: Logger;
}

/** Accepting gifts: checked, made durable, shown to the room. Settling them with Laravel is GiftSettlement's. */
export class Gifts {
  readonly #use: GiftsDependencies;

  constructor(dependencies: GiftsDependencies) {
    this.#use = dependencies;
  }

  /**
   * Accepts a gift. `pending` is answered only once the gift is in Redis's append-only queue. The same transaction again
   * is answered with its status and changes nothing.
   *
   * @throws AppError GIFT_NOT_FOUND, GIFT_TO_SELF, RECIPIENT_NOT_IN_ROOM, GIFT_ID_CONFLICT, RATE_LIMITED,
   *   SERVICE_UNAVAILABLE, UPSTREAM_UNAVAILABLE
   */
  async send(
    member: LocalMember,
    sender: UserProfile,
    request: GiftRequest,
  ): Promise<{ transactionId: GiftTransactionId; status: GiftStatus }> {
    const { store, directory, queue, limit, logger } = this.#use;
    const { transactionId, giftId, recipientId, quantity } = request;
    if (recipientId === sender.id) throw new AppError('GIFT_TO_SELF');
    const content = { transactionId, giftId, senderId: sender.id, recipientId, roomId: member.roomId, quantity };
    // A retry is answered first: the recipient may have left and the limit may be reached since the gift was accepted.
    const earlier = await queue.find(content);
    if (earlier !== null) return { transactionId, status: earlier };

    await limit.take(sender.id);
    const gift = (await directory.gifts()).find(({ id }) => id === giftId);
    if (gift === undefined) throw new AppError('GIFT_NOT_FOUND');
    if (!(await store.isMember(member.roomId, recipientId))) throw new AppError('RECIPIENT_NOT_IN_ROOM');

    const accepted = await queue.enqueue(content);
    if (accepted.isNew) {
      const shown: Gift = { transactionId, gift, quantity, sender, recipientId, sentAt: accepted.sentAt };
      const event: GiftEvent = { type: 'giftReceived', gift: shown };
      // The gift is accepted whether or not the room can be told.
      await store.announceGift(member.roomId, null, JSON.stringify(event)).catch((error: unknown) => {
        logger.warn({ err: error, transactionId }, 'An accepted gift could not be shown to its room');
      });
    }
    return { transactionId, status: accepted.status };
  }

  /** What became of gifts of this sender; `unknown` for one that was never accepted or is somebody else's. */
  async status(
    senderId: UserId,
    transactionIds: readonly GiftTransactionId[],
  ): Promise<{ transactionId: GiftTransactionId; status: GiftStatus | 'unknown' }[]> {
    return Promise.all(
      transactionIds.map(async (transactionId) => ({
        transactionId,
        status: (await this.#use.queue.status(transactionId, senderId)) ?? 'unknown',
      })),
    );
  }
}
