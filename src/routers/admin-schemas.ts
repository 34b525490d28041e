import { z } from 'zod';
import { eventIdSchema, giftTransactionIdSchema, roomIdSchema, userIdSchema } from '../core/ids.ts';
import { shownText } from './schemas.ts';

/** The inputs of operators' procedures. */

const room = { roomId: roomIdSchema };
const user = { userId: userIdSchema };
const usesPerMinute = z.int().min(0).max(100_000);

export const roomListInput = z.strictObject({
  /** Only rooms whose title or id contains this. */
  text: z.string().trim().min(1).max(200).optional(),
  /** Only rooms that are open, or that are not. */
  open: z.boolean().optional(),
  /** Continue after this room, as the last answer's `nextCursor`. */
  cursor: roomIdSchema.optional(),
  limit: z.int().min(1).max(200).default(50),
});

export const announceInput = z.strictObject({ ...room, content: shownText(500) });

export const revokeInput = z
  .strictObject({
    userId: userIdSchema.optional(),
    /** SHA-256 in hex of the whole token, or of its part after the bar. */
    tokenHash: z
      .string()
      .regex(/^[\da-f]{64}$/, 'must be a SHA-256 in hex')
      .optional(),
  })
  .refine((input) => input.userId !== undefined || input.tokenHash !== undefined, 'must name a user or a token');

export const userInput = z.strictObject(user);

export const rateLimitsInput = z
  .strictObject({
    ...user,
    /** Uses a minute; 0 forbids. What is left out stays. */
    chat: usesPerMinute.optional(),
    gift: usesPerMinute.optional(),
  })
  .refine((input) => input.chat !== undefined || input.gift !== undefined, 'must set a limit');

export const watchInput = z.strictObject({ ...room, lastEventId: eventIdSchema.nullish() });

export const giftListInput = z.strictObject({ limit: z.int().min(1).max(1_000).default(100) });

export const giftRetryInput = z.strictObject({
  /** Left out: all that are under review, the oldest first. */
  transactionIds: z
    .array(giftTransactionIdSchema)
    .min(1)
    .max(1_000)
    .refine((ids) => new Set(ids).size === ids.length, 'must not repeat an id')
    .optional(),
  limit: z.int().min(1).max(10_000).default(1_000),
});
