import type { DtlsParameters, RtpCapabilities, RtpParameters } from 'mediasoup/types';
import { z } from 'zod';
import {
  eventIdSchema,
  giftBatchIdSchema,
  giftIdSchema,
  giftTransactionIdSchema,
  participantCursorSchema,
  roomIdSchema,
  sessionIdSchema,
  userIdSchema,
} from '../core/ids.ts';
import { reactionKinds } from '../core/events.ts';
import { type MediaSource, seatModes } from '../core/model.ts';

/** The inputs of every procedure. Objects are strict: an unknown field is refused, not dropped. */

const room = { roomId: roomIdSchema };
const mediaObjectId = z.uuid();

/**
 * RTP, DTLS and capability objects are checked field by field in src/media/parameters.ts, so here they need only be
 * objects; the inbound frame limit bounds their size.
 */
const mediasoupObject = <T extends object>() =>
  z.custom<T>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'must be an object');

/** Control characters but line feed and tab; they can garble a terminal or hide text. */
// eslint-disable-next-line no-control-regex
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

export const roomInput = z.strictObject(room);

export const joinInput = z.strictObject({
  ...room,
  /** The session to continue after a lost socket. */
  sessionId: sessionIdSchema.optional(),
  /** What the device can receive: with it the answer holds a receive transport and consumers, ready for `media.start`. */
  rtpCapabilities: mediasoupObject<RtpCapabilities>().optional(),
});

export const participantsInput = z.strictObject({
  ...room,
  /** Continue after this position, as the last answer's `nextCursor`; left out: begin. */
  cursor: participantCursorSchema.optional(),
  limit: z.int().min(1).max(200).default(100),
});

/** Every subscription to logged events. */
export const subscriptionInput = z.strictObject({
  ...room,
  lastEventId: eventIdSchema.nullish(),
});

export const takeSeatInput = z.strictObject({
  ...room,
  /** 0-based; left out: the first free seat. */
  seat: z.int().min(0).max(29).optional(),
});

/** A seat of the room, 0-based. */
export const seatInput = z.strictObject({ ...room, seat: z.int().min(0).max(29) });

/** Somebody to whom something is done. */
export const memberInput = z.strictObject({ ...room, userId: userIdSchema });

export const approveSeatInput = z.strictObject({
  ...room,
  userId: userIdSchema,
  /** 0-based; left out: the first one that is neither taken nor locked. */
  seat: z.int().min(0).max(29).optional(),
});
export const inviteInput = approveSeatInput;

export const seatCountInput = z.strictObject({ ...room, seatCount: z.int().min(1).max(30) });
export const seatModeInput = z.strictObject({ ...room, seatMode: z.enum(seatModes) });

/** What people are told of a ban or of the end of a room. */
const reason = z
  .string()
  .trim()
  .max(200)
  .refine((text) => !controlCharacters.test(text), 'must not contain control characters');

export const banInput = z.strictObject({
  ...room,
  userId: userIdSchema,
  /** Left out: for good. At most ten years. */
  durationSeconds: z.int().min(1).max(315_360_000).optional(),
  reason: reason.optional(),
});

export const bansInput = z.strictObject({
  ...room,
  /** Continue after this position, as the last answer's `nextCursor`. */
  cursor: z.int().nonnegative().default(0),
  limit: z.int().min(1).max(200).default(100),
});

export const closeRoomInput = z.strictObject({ ...room, reason: reason.optional() });

/** Text that others will read. */
export const shownText = (longest: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(longest)
    .refine((text) => !controlCharacters.test(text), 'must not contain control characters');

export const chatSendInput = z.strictObject({
  ...room,
  content: shownText(500),
  /** Made by the client so that a retry is not said twice. */
  clientMessageId: z.uuid().optional(),
  /** The message that it answers. */
  replyTo: eventIdSchema.optional(),
});

export const chatDeleteInput = z.strictObject({ ...room, messageId: eventIdSchema });

export const slowModeInput = z.strictObject({
  ...room,
  /** 0: off. */
  seconds: z.int().min(0).max(3_600),
});

export const reactInput = z.strictObject({ ...room, kind: z.enum(reactionKinds) });

export const chatHistoryInput = z.strictObject({
  ...room,
  /** Answer messages older than this one. */
  before: eventIdSchema.optional(),
  limit: z.int().min(1).max(100).default(50),
});

export const giftSendInput = z.strictObject({
  ...room,
  /** Made by the client; the same id may be sent again and again. */
  transactionId: giftTransactionIdSchema,
  giftId: giftIdSchema,
  recipientId: userIdSchema,
  quantity: z.int().min(1).max(9999).default(1),
});

export const giftSendToManyInput = z.strictObject({
  ...room,
  /** Made by the client; what the gifts of this send have in common. */
  batchId: giftBatchIdSchema,
  giftId: giftIdSchema,
  /** Of each gift. */
  quantity: z.int().min(1).max(9999).default(1),
  /** Each with a transaction id of its own, made by the client. */
  recipients: z
    .array(z.strictObject({ transactionId: giftTransactionIdSchema, recipientId: userIdSchema }))
    .min(1)
    .max(30)
    .refine((recipients) => new Set(recipients.map(({ transactionId }) => transactionId)).size === recipients.length, {
      error: 'must have different transaction ids',
    }),
});

export const giftOutcomeInput = z.strictObject({
  /** Left out: begin after what was acknowledged. */
  lastEventId: eventIdSchema.nullish(),
});

export const giftAcknowledgeInput = z.strictObject({
  /** Id of the last outcome that was dealt with. */
  eventId: eventIdSchema,
});

export const giftStatusInput = z.strictObject({
  transactionIds: z.array(giftTransactionIdSchema).min(1).max(100),
});

const mediaSource = z.enum(['microphone', 'music']) satisfies z.ZodType<MediaSource>;

export const createTransportInput = z.strictObject({ ...room, direction: z.enum(['send', 'receive']) });
export const transportInput = z.strictObject({ ...room, transportId: mediaObjectId });
export const connectTransportInput = z.strictObject({
  ...room,
  transportId: mediaObjectId,
  dtlsParameters: mediasoupObject<DtlsParameters>(),
});
export const produceInput = z.strictObject({
  ...room,
  transportId: mediaObjectId,
  source: mediaSource.default('microphone'),
  rtpParameters: mediasoupObject<RtpParameters>(),
  /** Start muted. */
  paused: z.boolean().default(false),
});
export const producerInput = z.strictObject({ ...room, producerId: mediaObjectId });
export const consumeInput = z.strictObject({
  ...room,
  transportId: mediaObjectId,
  producerIds: z.array(mediaObjectId).min(1).max(60),
  rtpCapabilities: mediasoupObject<RtpCapabilities>(),
});
export const startInput = z.strictObject({
  ...room,
  transportId: mediaObjectId,
  dtlsParameters: mediasoupObject<DtlsParameters>(),
  consumerIds: z.array(mediaObjectId).max(60),
});
export const diagnoseInput = z.strictObject({ ...room, userId: userIdSchema });
export const resumeInput = z.strictObject({ ...room, consumerIds: z.array(mediaObjectId).min(1).max(60) });
