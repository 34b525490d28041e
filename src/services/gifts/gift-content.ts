import { createHash } from 'node:crypto';
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

/**
 * The one text of a content, by which two are compared. A field that is added to it later must be left out of the text
 * where it is not set: retries of gifts that were sent before would be conflicts otherwise.
 */
export function writeContent(content: GiftContent): string {
  const { transactionId, giftId, senderId, recipientId, roomId, quantity, batchId } = content;
  return JSON.stringify({ transactionId, giftId, senderId, recipientId, roomId, quantity, batchId });
}

/** What is kept of a content once the gift is decided; enough to compare by. */
export function digestContent(content: GiftContent): string {
  return createHash('sha256').update(writeContent(content)).digest('base64url');
}

/** @param stored - a content's text or its digest */
export function isSameContent(stored: string, content: GiftContent): boolean {
  return stored === writeContent(content) || stored === digestContent(content);
}

/** @returns null for a text that is none, as of a newer release */
export function readContent(text: string): GiftContent | null {
  try {
    return contentSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
