import { z } from 'zod';
import {
  type GiftBatchId,
  type GiftId,
  type GiftTransactionId,
  giftBatchIdSchema,
  giftIdSchema,
  giftTransactionIdSchema,
  type RoomId,
  roomIdSchema,
  type UserId,
  userIdSchema,
} from '../../core/ids.ts';

/** What was given by whom to whom; two sends of one transaction must have the same. */
export interface GiftContent {
  readonly transactionId: GiftTransactionId;
  readonly giftId: GiftId;
  readonly senderId: UserId;
  readonly recipientId: UserId;
  readonly roomId: RoomId;
  readonly quantity: number;
  /** Null for a gift that was sent alone. */
  readonly batchId: GiftBatchId | null;
}

/** A claimed gift and its place in the queue. */
export interface QueuedGift {
  readonly entryId: string;
  readonly order: GiftContent & {
    /** When it was accepted, ms since the epoch, by Redis's clock. */
    readonly sentAt: number;
  };
  /** What the room sees of it, as JSON. */
  readonly event: string;
  /** Whether the room has been told. */
  readonly shown: boolean;
}

const contentSchema: z.ZodType<GiftContent> = z.object({
  transactionId: giftTransactionIdSchema,
  giftId: giftIdSchema,
  senderId: userIdSchema,
  recipientId: userIdSchema,
  roomId: roomIdSchema,
  quantity: z.int().positive(),
  batchId: giftBatchIdSchema.nullable(),
});

/** The one text of a content, by which two are compared. */
export function writeContent(content: GiftContent): string {
  const { transactionId, giftId, senderId, recipientId, roomId, quantity, batchId } = content;
  return JSON.stringify({ transactionId, giftId, senderId, recipientId, roomId, quantity, batchId });
}

/** @returns null for a text that is none, as of a newer release */
export function readContent(text: string): GiftContent | null {
  try {
    return contentSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
