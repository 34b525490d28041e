import { z } from 'zod';
import { Miss } from './back-end.ts';

/** The answers of docs/LARAVEL_REQUIREMENTS.md, as strictly as that page has them. */

const key = z.union([z.string().regex(/^[1-9]\d{0,18}$/), z.uuid()]);
const userKey = z.int().positive();

export const messageShape = z.object({ message: z.string() });
export const validationShape = z.object({ message: z.string(), errors: z.record(z.string(), z.array(z.string())) });
export const invalidTokenShape = z.object({ valid: z.literal(false) });
export const validTokenShape = z.object({
  valid: z.literal(true),
  user: z.object({ id: userKey, name: z.string(), avatar: z.string().nullable() }),
});

const room = z.object({
  id: key,
  title: z.string(),
  owner_id: userKey,
  seat_count: z.int().min(1).max(30),
  seat_mode: z.enum(['free', 'apply']).nullish(),
  blocked_user_ids: z.array(userKey).nullish(),
  opus_ptime: z.literal([20, 40, 60]).nullish(),
  opus_dtx: z.boolean().nullish(),
});
export const roleShape = z.object({ role: z.enum(['owner', 'admin', 'member']) });
export const roomsShape = z.object({ rooms: z.array(room) });
export const roomShape = z.object({ room });
export type Room = z.infer<typeof room>;

const gift = z.object({ id: key, name: z.string(), price: z.int().nonnegative(), icon: z.string() });
export const giftsShape = z.object({ gifts: z.array(gift).min(1) });
export type Gift = z.infer<typeof gift>;

const result = z.object({
  gift_tx_id: z.uuid().lowercase(),
  status: z.enum(['settled', 'duplicate', 'rejected', 'retry']),
  code: z.string().nullable(),
  reason: z.string().nullable(),
  sender_balance: z.int().nullable(),
});
export const resultsShape = z.object({ results: z.array(result) });
export type Result = z.infer<typeof result>;

/** @throws Miss when an answer has another shape */
export function fit<T>(shape: z.ZodType<T>, answer: unknown): T {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Miss(`the answer does not fit: ${issue?.path.join('.') || 'body'}: ${issue?.message ?? ''}`);
}
