import { z } from 'zod';
import {
  giftBatchIdSchema,
  giftIdSchema,
  giftTransactionIdSchema,
  roomIdSchema,
  userIdSchema,
} from '../../core/ids.ts';
import type { GiftOrder } from '../laravel.ts';

/** What was given by whom to whom; two sends of one transaction must have the same. */
export type GiftContent = Omit<GiftOrder, 'sentAt'>;

/** A claimed gift and its place in the queue. */
export interface QueuedGift {
  readonly entryId: string;
  readonly order: GiftOrder;
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
