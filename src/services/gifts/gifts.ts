import { AppError } from '../../core/errors.ts';
import type { GiftBatchId, GiftId, GiftTransactionId, UserId } from '../../core/ids.ts';
import type { AppCode } from '../../core/errors.ts';
import type { CatalogueGift, GiftReport, GiftStatus, UserProfile } from '../../core/model.ts';
import type { LocalMember } from '../local-room.ts';
import type { RateLimit } from '../rate-limit.ts';
import type { RoomDirectory } from '../room-directory.ts';
import type { RoomStore } from '../room-store.ts';
import type { GiftContent } from './gift-content.ts';
import type { GiftGuard } from './gift-guard.ts';
import type { GiftMeter } from './gift-meter.ts';
import type { Enqueued, GiftQueue } from './gift-queue.ts';
import type { GiftStage } from './gift-stage.ts';

/** One gift to one member. */
export interface GiftRequest {
  readonly transactionId: GiftTransactionId;
  readonly giftId: GiftId;
  readonly recipientId: UserId;
  readonly quantity: number;
}

/** The same gift to several members: one gift each, which share a batch id. */
export interface GiftBatchRequest {
  readonly batchId: GiftBatchId;
  readonly giftId: GiftId;
  /** Of each gift. */
  readonly quantity: number;
  readonly recipients: readonly { readonly transactionId: GiftTransactionId; readonly recipientId: UserId }[];
}

export interface AcceptedGift {
  readonly transactionId: GiftTransactionId;
  readonly status: GiftStatus;
}

/** One gift of several: accepted, or refused while others may be accepted. */
export type BatchedGift = AcceptedGift | { readonly transactionId: GiftTransactionId; readonly refused: AppCode };

export interface GiftsDependencies {
  readonly store: RoomStore;
  readonly directory: RoomDirectory;
  readonly queue: GiftQueue;
  readonly guard: GiftGuard;
  readonly stage: GiftStage;
  readonly limit: RateLimit;
  readonly meter: GiftMeter;
  /** Told of each gift that was queued and how many wait in its shard now. */
  readonly onQueued: (senderId: UserId, backlog: number) => void;
}

/** Accepting gifts: checked, made durable, shown to the room. Settling them with Laravel is GiftSettlement's. */
export class Gifts {
  readonly #use: GiftsDependencies;

  constructor(dependencies: GiftsDependencies) {
    this.#use = dependencies;
  }

  /**
   * Accepts a gift. `pending` is answered only once the gift is in Redis's append-only file, and on its replicas where
   * there are any. The same transaction again is answered with its status and changes nothing.
   *
   * Costs six round trips to Redis, one after the other: is it known, the rate limit, the recipient's membership and the
   * id's reservation (together), the queue, the room's log (with `WAIT` beside it, which gifts share, where replicas
   * confirm), the note that the room has been told. A retry of a known gift costs one, two while replicas have to confirm.
   * What Redis can be trusted with is looked up once a second, the catalogue once a minute.
   *
   * @throws AppError GIFT_NOT_FOUND, GIFT_TO_SELF, RECIPIENT_NOT_IN_ROOM, GIFT_ID_CONFLICT, RATE_LIMITED,
   *   SERVICE_UNAVAILABLE, UPSTREAM_UNAVAILABLE
   */
  async send(member: LocalMember, sender: UserProfile, request: GiftRequest): Promise<AcceptedGift> {
    const content = contentOf(member, { ...request, batchId: null });
    const earlier = await this.#findEarlier(content);
    if (earlier !== null) return earlier;
    await this.#admit(sender.id);
    return this.#accept(sender, content, await this.#gift(content.giftId));
  }

  /**
   * Accepts the same gift for several members; counts as one send. Each is accepted or refused for itself.
   *
   * @returns in the order of the request
   * @throws AppError GIFT_NOT_FOUND, RATE_LIMITED, SERVICE_UNAVAILABLE, UPSTREAM_UNAVAILABLE; some may have been
   *   accepted then, which the same call again will say
   */
  async sendToMany(
    member: LocalMember,
    sender: UserProfile,
    { recipients, ...shared }: GiftBatchRequest,
  ): Promise<BatchedGift[]> {
    const contents = recipients.map((recipient) => contentOf(member, { ...shared, ...recipient }));
    const earlier = await Promise.all(contents.map((content) => orRefusal(content, this.#findEarlier(content))));
    if (earlier.every((answer) => answer !== null)) return earlier;
    await this.#admit(sender.id);
    const gift = await this.#gift(shared.giftId);
    return Promise.all(
      contents.map(async (content, index) => {
        return earlier[index] ?? orRefusal(content, this.#accept(sender, content, gift));
      }),
    );
  }

  /** What became of gifts of this sender. */
  async report(senderId: UserId, transactionIds: readonly GiftTransactionId[]): Promise<GiftReport[]> {
    return Promise.all(transactionIds.map((transactionId) => this.#use.queue.report(transactionId, senderId)));
  }

  /** A retry is answered first: the recipient may have left and the limit may be reached since it was accepted. */
  async #findEarlier(content: GiftContent): Promise<AcceptedGift | null> {
    const { queue, guard } = this.#use;
    if (content.recipientId === content.senderId) throw new AppError('GIFT_TO_SELF');
    const earlier = await queue.find(content);
    if (earlier === null) return null;
    const { status, unseen } = earlier;
    const mark = guard.mark();
    const needsReplicas = status === 'pending' && (await guard.needsReplicas());
    // Whether the replicas had it when it was written is not known; a write after it makes Redis say so.
    if (needsReplicas) await queue.touch(content);
    await Promise.all([this.#showUnseen(content, unseen), needsReplicas ? guard.replicated(mark) : null]);
    return { transactionId: content.transactionId, status };
  }

  /** The node that took the gift may have died, or lost Redis's answer, before the room was told. */
  async #showUnseen(content: GiftContent, unseen: string | null): Promise<void> {
    if (unseen !== null) await this.#use.stage.showUnseen(content, unseen);
  }

  /** A send that cannot be taken anyway is not counted. */
  async #admit(senderId: UserId): Promise<void> {
    await this.#use.guard.requireRoom();
    await this.#use.limit.take(senderId);
  }

  async #gift(giftId: GiftId): Promise<CatalogueGift> {
    const gift = (await this.#use.directory.gifts()).find(({ id }) => id === giftId);
    if (gift === undefined) throw new AppError('GIFT_NOT_FOUND');
    return gift;
  }

  async #accept(sender: UserProfile, content: GiftContent, gift: CatalogueGift): Promise<AcceptedGift> {
    const { store, queue, guard, stage, meter, onQueued } = this.#use;
    const { transactionId, recipientId, quantity, batchId } = content;
    const [isMember] = await Promise.all([store.isMember(content.roomId, recipientId), queue.reserve(content)]);
    if (!isMember) throw new AppError('RECIPIENT_NOT_IN_ROOM');

    const batch = batchId === null ? {} : { batchId };
    const shown = JSON.stringify({ transactionId, ...batch, gift, quantity, sender, recipientId });
    const mark = guard.mark();
    const queued: Enqueued = await queue.enqueue(content, shown.slice(1, -1));
    if (queued.isNew) {
      meter.accepted(1);
      onQueued(sender.id, queued.backlog);
    }
    // The gift is in the queue and will be settled whatever the replicas say, so the room may see it.
    const showing = queued.isNew ? stage.show(content, queued.event) : this.#showUnseen(content, queued.unseen);
    await Promise.all([showing, guard.replicated(mark)]);
    return { transactionId, status: queued.status };
  }
}

function contentOf({ roomId, userId }: LocalMember, gift: GiftRequest & Pick<GiftContent, 'batchId'>): GiftContent {
  return { ...gift, roomId, senderId: userId };
}

/** Turns what one gift is refused for into its answer; what is wrong with the service fails the call. */
async function orRefusal<T>(
  { transactionId }: GiftContent,
  accepting: Promise<T>,
): Promise<T | { transactionId: GiftTransactionId; refused: AppCode }> {
  try {
    return await accepting;
  } catch (error) {
    if (error instanceof AppError && !error.retryable) return { transactionId, refused: error.code };
    throw error;
  }
}
