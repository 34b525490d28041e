import { z } from 'zod';

/**
 * The identifiers of the domain, each a branded type with the one schema that makes it from outside data.
 *
 * Laravel's keys are UUIDs or bigints, so room and gift ids are either; anything else is refused, which also keeps
 * Redis key names free of client-made characters.
 */

const uuid = z.uuid().transform((value) => value.toLowerCase());
const positiveDecimal = z.string().regex(/^[1-9]\d{0,18}$/, 'must be a UUID or a positive integer in decimal');

/** A room: a UUID (lower case) or a positive integer in decimal, as a string. */
export const roomIdSchema = z.union([positiveDecimal, uuid]).brand<'RoomId'>();
export type RoomId = z.infer<typeof roomIdSchema>;

/** A gift of Laravel's catalogue: a UUID (lower case) or a positive integer in decimal, as a string. */
export const giftIdSchema = z.union([positiveDecimal, uuid]).brand<'GiftId'>();
export type GiftId = z.infer<typeof giftIdSchema>;

/** A user: Laravel's key, a positive safe integer. */
export const userIdSchema = z.int().positive().brand<'UserId'>();
export type UserId = z.infer<typeof userIdSchema>;

/** One sent gift, made by the client (UUIDv7 recommended) so that a retry is recognised. */
export const giftTransactionIdSchema = uuid.brand<'GiftTransactionId'>();
export type GiftTransactionId = z.infer<typeof giftTransactionIdSchema>;

/** What the gifts of one send to several recipients share; made by the client. */
export const giftBatchIdSchema = uuid.brand<'GiftBatchId'>();
export type GiftBatchId = z.infer<typeof giftBatchIdSchema>;

/** One membership of one user in one room; survives a lost socket for the grace period. */
export const sessionIdSchema = uuid.brand<'SessionId'>();
export type SessionId = z.infer<typeof sessionIdSchema>;

/** Position in a room's event log: a Redis stream entry id, `<ms>-<sequence>`; the cursor a subscription resumes from. */
export const eventIdSchema = z
  .string()
  .regex(/^\d{1,16}-\d{1,16}$/, 'must be an event id')
  .brand<'EventId'>();
export type EventId = z.infer<typeof eventIdSchema>;

/** Position in the list of a room's members: when the last one before it joined and that one's user id. */
export const participantCursorSchema = z
  .string()
  .regex(/^\d{1,15}-\d{1,16}$/, 'must be a cursor')
  .brand<'ParticipantCursor'>();
export type ParticipantCursor = z.infer<typeof participantCursorSchema>;

/**
 * Order of two event ids.
 *
 * @returns negative when `a` is older than `b`, 0 when equal, positive when newer
 */
export function compareEventIds(a: string, b: string): number {
  const [aTime = '', aSequence = ''] = a.split('-');
  const [bTime = '', bSequence = ''] = b.split('-');
  return Number(aTime) - Number(bTime) || Number(aSequence) - Number(bSequence);
}

/** One running server process; a UUID made at its start. */
export const nodeIdSchema = uuid.brand<'NodeId'>();
export type NodeId = z.infer<typeof nodeIdSchema>;

/** One WebSocket connection; a UUID made by the server. */
export const connectionIdSchema = uuid.brand<'ConnectionId'>();
export type ConnectionId = z.infer<typeof connectionIdSchema>;
