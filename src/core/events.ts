import { z } from 'zod';
import { roomRoles, type RoomSnapshot, seatModes } from './model.ts';
import { giftBatchIdSchema, giftIdSchema, giftTransactionIdSchema, userIdSchema } from './ids.ts';

/**
 * The events of a room, by topic. A topic is one subscription (`room.onEvent`, `media.onEvent`, `chat.onMessage`,
 * `gift.onEvent`); all topics of a room share one ordered log, in which a cursor is a position.
 *
 * Events are plain JSON. Each is checked against its schema once a process, when it is read from the log.
 */

const profile = z.object({ id: userIdSchema, name: z.string(), avatar: z.string().nullable() });

const participant = z.object({
  userId: userIdSchema,
  name: z.string(),
  avatar: z.string().nullable(),
  joinedAt: z.number(),
  connected: z.boolean(),
  role: z.enum(roomRoles),
  chatMuted: z.boolean(),
});

const seatRequest = z.object({ userId: userIdSchema, requestedAt: z.number() });

const seatInvitation = z.object({
  userId: userIdSchema,
  seat: z.int().nullable(),
  invitedBy: userIdSchema,
  expiresAt: z.number(),
});

const producer = z.object({
  producerId: z.string(),
  userId: userIdSchema,
  source: z.enum(['microphone', 'music']),
  paused: z.boolean(),
});

const chatMessage = z.object({
  type: z.enum(['text', 'system']),
  id: z.string(),
  sender: profile.nullable(),
  content: z.string(),
  replyTo: z.object({ id: z.string(), senderName: z.string(), excerpt: z.string() }).nullable(),
  sentAt: z.number(),
  clientMessageId: z.string().nullable(),
});

const gift = z.object({
  transactionId: giftTransactionIdSchema,
  batchId: giftBatchIdSchema.optional(),
  gift: z.object({ id: giftIdSchema, name: z.string(), price: z.number(), icon: z.string() }),
  quantity: z.number(),
  sender: profile,
  recipientId: userIdSchema,
  sentAt: z.number(),
});

/** Why somebody is no longer a member. */
const leaveReason = z.enum(['left', 'disconnected', 'kicked', 'banned']);
export type LeaveReason = z.infer<typeof leaveReason>;

/** Why a seat is free again. */
const seatLeftReason = z.enum(['left', 'removed', 'seatCountReduced', 'memberLeft']);

/** Why a hand is down again. */
const seatRequestEnd = z.enum(['canceled', 'approved', 'rejected', 'seated', 'memberLeft']);

/** Why an invitation is no longer open. */
const seatInvitationEnd = z.enum(['accepted', 'declined', 'expired', 'canceled', 'seated', 'memberLeft']);

/** Why a room closed. */
const roomCloseReason = z.enum(['idle', 'closedByHost', 'closedByOperator']);

/** Why a producer ended. */
const producerCloseReason = z.enum(['closed', 'replaced', 'seatLeft', 'failed']);

const roomEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('userJoined'), participant }),
  z.object({ type: z.literal('userLeft'), userId: userIdSchema, reason: leaveReason }),
  /** The socket was lost (the seat is kept for the grace period) or came back. */
  z.object({ type: z.literal('userConnectionChanged'), userId: userIdSchema, connected: z.boolean() }),
  z.object({ type: z.literal('seatTaken'), seat: z.int(), userId: userIdSchema, mutedByHost: z.boolean() }),
  z.object({ type: z.literal('seatLeft'), seat: z.int(), userId: userIdSchema, reason: seatLeftReason }),
  z.object({ type: z.literal('seatMoved'), userId: userIdSchema, from: z.int(), to: z.int() }),
  z.object({ type: z.literal('seatLockChanged'), seat: z.int(), locked: z.boolean() }),
  z.object({ type: z.literal('seatCountChanged'), seatCount: z.int() }),
  z.object({ type: z.literal('seatModeChanged'), seatMode: z.enum(seatModes) }),
  /** A hand went up. */
  z.object({ type: z.literal('seatRequested'), request: seatRequest }),
  z.object({ type: z.literal('seatRequestEnded'), userId: userIdSchema, reason: seatRequestEnd }),
  z.object({ type: z.literal('seatInvited'), invitation: seatInvitation }),
  z.object({ type: z.literal('seatInvitationEnded'), userId: userIdSchema, reason: seatInvitationEnd }),
  /** A host muted a speaker, or lifted that. The mute stays with the user, whatever seat is taken next. */
  z.object({ type: z.literal('speakerMuteChanged'), userId: userIdSchema, muted: z.boolean(), by: userIdSchema }),
  z.object({ type: z.literal('chatMuteChanged'), userId: userIdSchema, muted: z.boolean(), by: userIdSchema }),
  z.object({ type: z.literal('slowModeChanged'), seconds: z.int() }),
  /** Laravel describes the room differently now; of another owner `roleChanged` tells too. */
  z.object({ type: z.literal('roomUpdated'), title: z.string(), ownerId: userIdSchema }),
  z.object({ type: z.literal('roleChanged'), userId: userIdSchema, role: z.enum(roomRoles) }),
  /** To the replaced user only: another tab or device joined the room. */
  z.object({ type: z.literal('sessionReplaced'), sessionId: z.string() }),
  /** `message` is what the host or operator gave as the reason. */
  z.object({ type: z.literal('roomClosed'), reason: roomCloseReason, message: z.string().nullable() }),
]);

const mediaEvent = z.discriminatedUnion('type', [
  /** `mutedByHost`: nothing is heard of it until a host lifts that. */
  z.object({ type: z.literal('producerOpened'), producer, mutedByHost: z.boolean() }),
  z.object({ type: z.literal('producerPaused'), producerId: z.string(), userId: userIdSchema }),
  z.object({ type: z.literal('producerResumed'), producerId: z.string(), userId: userIdSchema }),
  z.object({
    type: z.literal('producerClosed'),
    producerId: z.string(),
    userId: userIdSchema,
    reason: producerCloseReason,
  }),
  /** A worker died. Transports on these routers are gone; whoever had one makes another. */
  z.object({ type: z.literal('routersReplaced'), routerIds: z.array(z.string()) }),
]);

const chatEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message'), message: chatMessage }),
  /** By its author or a host. */
  z.object({ type: z.literal('messageDeleted'), messageId: z.string(), by: userIdSchema }),
]);

const giftEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('giftReceived'), gift }),
  /** A gift that was shown has been rejected: undo whatever counted it. */
  z.object({ type: z.literal('giftWithdrawn'), transactionId: giftTransactionIdSchema }),
]);

const giftOutcome = z.discriminatedUnion('type', [
  z.object({ type: z.literal('giftSettled'), transactionId: giftTransactionIdSchema, balance: z.number().nullable() }),
  z.object({
    type: z.literal('giftRejected'),
    transactionId: giftTransactionIdSchema,
    code: z.string(),
    reason: z.string(),
  }),
]);

/** The schema of each topic's events. */
export const topicSchemas = { room: roomEvent, media: mediaEvent, chat: chatEvent, gift: giftEvent };

export type RoomEvent = z.infer<typeof roomEvent>;
export type MediaEvent = z.infer<typeof mediaEvent>;
export type ChatEvent = z.infer<typeof chatEvent>;
export type GiftEvent = z.infer<typeof giftEvent>;

/**
 * The final word on a gift, for its sender alone. It is no event of a room: the sender may be in another one by then, or
 * in none. It waits in the sender's mailbox (`gift.onOutcome`).
 */
export type GiftOutcome = z.infer<typeof giftOutcome>;
export const giftOutcomeSchema = giftOutcome;

/** The events of each topic. */
export interface TopicEvents {
  room: RoomEvent;
  media: MediaEvent;
  chat: ChatEvent;
  gift: GiftEvent;
}

export type Topic = keyof TopicEvents;

/**
 * What a subscription delivers beside its topic's events: first of all `subscribed` (so that a cursor exists at once), and
 * again whenever the log has moved on far without it, so that its cursor does; and `resync` in place of events that are no
 * longer kept: the topic's part of the snapshot tells what they led to.
 */
export type FeedControlEvent =
  { readonly type: 'subscribed' } | { readonly type: 'resync'; readonly snapshot: RoomSnapshot };

export type FeedEvent<T extends Topic> = TopicEvents[T] | FeedControlEvent;

/** A member's loudness, from mediasoup's AudioLevelObserver. */
export interface SpeakerLevel {
  readonly userId: z.infer<typeof userIdSchema>;
  /** dBov, -127 (silence) to 0 (loudest). */
  readonly level: number;
}

/** How well a voice arrives, from worst to best: words are missing, or it comes late; one may notice; as it should. */
export type ConnectionQuality = 'poor' | 'fair' | 'good';

/** What the quality of a connection follows from. */
export interface ConnectionMeasure {
  /** Fraction of the packets that did not arrive, 0 to 1. */
  readonly loss: number;
  /** Interarrival jitter (RFC 3550 section 6.4.1), ms. */
  readonly jitterMs: number;
  /** Round trip between client and server, ms; null while the client has not reported any. */
  readonly rttMs: number | null;
}

/** The connection of a member who sends audio, as the server receives it. */
export interface MemberQuality extends ConnectionMeasure {
  readonly userId: z.infer<typeof userIdSchema>;
  readonly quality: ConnectionQuality;
}

/** What `room.onActivity` delivers: the newest state, never logged, never replayed. */
export interface RoomActivity {
  /** Who is audible now, loudest first; empty when nobody is. */
  readonly levels: readonly SpeakerLevel[];
  /**
   * Whose voices are forwarded to the listeners now; somebody audible who is missing is not among the loudest, somebody
   * silent may be missing.
   */
  readonly forwarded: readonly SpeakerLevel['userId'][];
  readonly participantCount: number;
  /** How often each reaction was made since the last delivery; empty when none was. */
  readonly reactions: readonly ReactionCount[];
  /**
   * Everybody who sends audio and has been measured: at first, and after somebody's class has changed. Left out while
   * none has.
   */
  readonly quality?: readonly MemberQuality[];
}

/** Reactions that clients may make; a fixed list, so that nobody sends text through it. */
export const reactionKinds = ['heart', 'clap', 'laugh', 'wow', 'fire', 'sad'] as const;
export type ReactionKind = (typeof reactionKinds)[number];

export interface ReactionCount {
  readonly kind: ReactionKind;
  readonly count: number;
}
