import { z } from 'zod';

/** The request bodies of the contract; a body that does not fit is answered with 422, as Laravel's validator does. */

const uuid = z.uuid().transform((value) => value.toLowerCase());
/** Keys of Laravel's tables: UUIDs or bigints. */
const modelKey = z.union([z.string().regex(/^[1-9]\d{0,18}$/), uuid]);
const userKey = z.int().positive();
const timestamp = z.iso.datetime({ offset: true });

export const validateRequest = z.object({ token: z.string().min(1) });

export const statusRequest = z.object({
  is_live: z.boolean(),
  participant_count: z.int().nonnegative(),
  closed_at: timestamp.nullable(),
});

export const batchRequest = z.object({
  gifts: z
    .array(
      z.object({
        gift_tx_id: uuid,
        gift_id: modelKey,
        sender_id: userKey,
        recipient_id: userKey,
        room_id: modelKey,
        quantity: z.int().min(1).max(9_999),
        batch_id: uuid.nullable().default(null),
        sent_at: timestamp,
      }),
    )
    .min(1)
    .max(100),
});

/** The body of Laravel's 422 answer. */
export function toValidationAnswer(error: z.ZodError): { message: string; errors: Record<string, string[]> } {
  const errors: Record<string, string[]> = {};
  for (const { path, message } of error.issues) {
    (errors[path.join('.')] ??= []).push(message);
  }
  return { message: 'The given data was invalid.', errors };
}
