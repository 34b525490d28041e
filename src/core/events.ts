import type { UserId } from './ids.ts';
import type { ChatMessage, Gift, Participant, ProducerDescription, RoomSnapshot } from './model.ts';
import type { GiftTransactionId } from './ids.ts';

/**
 * The events of a room, by topic. A topic is one subscription (`room.onEvent`, `media.onEvent`, `chat.onMessage`,
 * `gift.onEvent`); all topics of a room share one ordered log, so their cursors are interchangeable.
 */

/** Why somebody is no longer a member. */
export type LeaveReason = 'left' | 'disconnected';

/** Why a producer ended. */
export type ProducerCloseReason = 'closed' | 'replaced' | 'seatLeft' | 'failed';

export type RoomEvent =
  | { readonly type: 'userJoined'; readonly participant: Participant }
  | { readonly type: 'userLeft'; readonly userId: UserId; readonly reason: LeaveReason }
  /** The socket was lost (the seat is kept for the grace period) or came back. */
  | { readonly type: 'userConnectionChanged'; readonly userId: UserId; readonly connected: boolean }
  | { readonly type: 'seatTaken'; readonly seat: number; readonly userId: UserId }
  | { readonly type: 'seatLeft'; readonly seat: number; readonly userId: UserId }
  /** To the replaced user only: another tab or device joined the room. */
  | { readonly type: 'sessionReplaced'; readonly sessionId: string }
  | { readonly type: 'roomClosed'; readonly reason: 'idle' };

export type MediaEvent =
  | { readonly type: 'producerOpened'; readonly producer: ProducerDescription }
  | { readonly type: 'producerPaused'; readonly producerId: string; readonly userId: UserId }
  | { readonly type: 'producerResumed'; readonly producerId: string; readonly userId: UserId }
  | {
      readonly type: 'producerClosed';
      readonly producerId: string;
      readonly userId: UserId;
      readonly reason: ProducerCloseReason;
    };

export type ChatEvent = { readonly type: 'message'; readonly message: ChatMessage };

export type GiftEvent =
  | { readonly type: 'giftReceived'; readonly gift: Gift }
  /** To the sender only. */
  | { readonly type: 'giftSettled'; readonly transactionId: GiftTransactionId; readonly balance: number | null }
  /** To the sender only. */
  | {
      readonly type: 'giftRejected';
      readonly transactionId: GiftTransactionId;
      readonly code: string;
      readonly reason: string;
    };

/** The events of each topic. */
export interface TopicEvents {
  room: RoomEvent;
  media: MediaEvent;
  chat: ChatEvent;
  gift: GiftEvent;
}

export type Topic = keyof TopicEvents;

/**
 * What a subscription delivers beside its topic's events: first of all `subscribed` (so that a cursor exists at once),
 * and `resync` in place of events that are no longer kept: replace all state by the snapshot.
 */
export type FeedControlEvent =
  | { readonly type: 'subscribed' }
  | { readonly type: 'resync'; readonly snapshot: RoomSnapshot };

export type FeedEvent<T extends Topic> = TopicEvents[T] | FeedControlEvent;

/** A member's loudness, from mediasoup's AudioLevelObserver. */
export interface SpeakerLevel {
  readonly userId: UserId;
  /** dBov, -127 (silence) to 0 (loudest). */
  readonly level: number;
}

/** What `room.onActivity` delivers: the newest state, never logged, never replayed. */
export interface RoomActivity {
  /** Who is audible now, loudest first; empty when nobody is. */
  readonly levels: readonly SpeakerLevel[];
  readonly participantCount: number;
}
