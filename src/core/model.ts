import type { EventId, GiftBatchId, GiftId, GiftTransactionId, RoomId, SessionId, UserId } from './ids.ts';

/** What everybody may know of a user; from Laravel only. */
export interface UserProfile {
  readonly id: UserId;
  readonly name: string;
  /** Address of a picture, or null. */
  readonly avatar: string | null;
}

/** How speakers encode their voice. */
export interface OpusSettings {
  /** Audio in a packet, ms. Longer ones cost less and arrive later. */
  readonly packetMs: 20 | 40 | 60;
  /** Discontinuous transmission: hardly any packets while a speaker is silent. */
  readonly dtx: boolean;
}
/** The roles of a room, highest rank first. */
export const roomRoles = ['owner', 'admin', 'member'] as const;

/** What a user is in a room; from Laravel only. Who may do what is in permissions.ts. */
export type RoomRole = (typeof roomRoles)[number];

export const seatModes = ['free', 'apply'] as const;

/** `free`: whoever wants takes a free seat. `apply`: a host approves a raised hand, or invites. */
export type SeatMode = (typeof seatModes)[number];

/** A room as Laravel describes it. */
export interface RoomDescription {
  readonly id: RoomId;
  readonly title: string;
  readonly ownerId: UserId;
  /** Number of seats when the room opens, 1-30. */
  readonly seatCount: number;
  readonly opus: OpusSettings;
  /** How seats are given when the room opens. */
  readonly seatMode: SeatMode;
  /** Users whom the owner has blocked in Laravel: they cannot join. */
  readonly blockedUserIds: readonly UserId[];
}

/** One line of the lobby. */
export interface RoomListing {
  readonly roomId: RoomId;
  readonly title: string;
  readonly ownerId: UserId;
  readonly participantCount: number;
}

/** A member of a room, on a seat (speaker) or not (listener). */
export interface Participant {
  readonly userId: UserId;
  readonly name: string;
  readonly avatar: string | null;
  /** When the user joined, ms since the epoch. */
  readonly joinedAt: number;
  /** False while the socket is lost and the grace period runs. */
  readonly connected: boolean;
  readonly role: RoomRole;
  /** True when a host has taken the user's right to chat. */
  readonly chatMuted: boolean;
}

/** A place to speak from. */
export interface Seat {
  /** 0-based. */
  readonly index: number;
  readonly userId: UserId | null;
  /** Nobody can take a locked seat; whoever is invited to it can. */
  readonly locked: boolean;
  /** True when a host has muted the speaker on it, who cannot lift that. */
  readonly mutedByHost: boolean;
}

/** A raised hand: a listener who asks for a seat. */
export interface SeatRequest {
  readonly userId: UserId;
  /** ms since the epoch; the queue is in this order. */
  readonly requestedAt: number;
}

/** A host's invitation of a listener to a seat. */
export interface SeatInvitation {
  readonly userId: UserId;
  /** 0-based; null for the first free seat. */
  readonly seat: number | null;
  readonly invitedBy: UserId;
  /** ms since the epoch. */
  readonly expiresAt: number;
}

/** A user who may not join a room. */
export interface Ban {
  readonly userId: UserId;
  readonly bannedBy: UserId | null;
  /** ms since the epoch. */
  readonly bannedAt: number;
  /** ms since the epoch; null for good. */
  readonly until: number | null;
  readonly reason: string | null;
}

/** What a producer carries; a second producer of the same source replaces the first. */
export type MediaSource = 'microphone' | 'music';

/** A speaker's audio stream. */
export interface ProducerDescription {
  readonly producerId: string;
  readonly userId: UserId;
  readonly source: MediaSource;
  /** True while the speaker is muted. */
  readonly paused: boolean;
}

/** The whole state of a room at one position of its event log. */
export interface RoomSnapshot {
  readonly roomId: RoomId;
  readonly title: string;
  readonly ownerId: UserId;
  readonly seats: readonly Seat[];
  /** Everybody on a seat, then the longest present, a first page; `room.participants` answers the rest. */
  readonly participants: readonly Participant[];
  /** All members, those within their grace period included. */
  readonly participantCount: number;
  readonly producers: readonly ProducerDescription[];
  readonly seatMode: SeatMode;
  /** Least time between two messages of one member, seconds; 0 when slow mode is off. Hosts are exempt. */
  readonly slowModeSeconds: number;
  /** Raised hands, the oldest first. */
  readonly requests: readonly SeatRequest[];
  /** Invitations that have not been answered. */
  readonly invitations: readonly SeatInvitation[];
  /** Subscribe with this as `lastEventId` to receive exactly what comes after the snapshot. */
  readonly cursor: EventId;
}

/** What `room.join` and a reconnect answer about the membership itself. */
export interface Membership {
  readonly sessionId: SessionId;
  /** True when the call continued an existing session: transports, producers and consumers are still there. */
  readonly resumed: boolean;
  /** True when it was continued from another address than before: the media path needs an ICE restart. */
  readonly addressChanged: boolean;
}

/** A chat message as everybody sees it. */
export interface ChatMessage {
  /** `system` is the server's alone; its sender is null. */
  readonly type: 'text' | 'system';
  /** Made by the server; also the order of messages. */
  readonly id: string;
  readonly sender: UserProfile | null;
  readonly content: string;
  /** What the message answers, as it was when it was answered. */
  readonly replyTo: ChatQuote | null;
  /** ms since the epoch, the server's clock. */
  readonly sentAt: number;
  /** The sender's own id of the message, so that its page can match the echo. */
  readonly clientMessageId: string | null;
}

/** The beginning of a message that another one answers. */
export interface ChatQuote {
  readonly id: string;
  readonly senderName: string;
  /** At most 120 characters. */
  readonly excerpt: string;
}

/** One entry of Laravel's gift catalogue. */
export interface CatalogueGift {
  readonly id: GiftId;
  readonly name: string;
  /** In the application's coins. */
  readonly price: number;
  /** Emoji or address of a picture. */
  readonly icon: string;
}

/** A gift as the room sees it. */
export interface Gift {
  readonly transactionId: GiftTransactionId;
  /** Set when it was one of several in one send. */
  readonly batchId?: GiftBatchId | undefined;
  readonly gift: CatalogueGift;
  readonly quantity: number;
  readonly sender: UserProfile;
  readonly recipientId: UserId;
  /** ms since the epoch, the server's clock. */
  readonly sentAt: number;
}

/**
 * `pending` is durable and on its way to Laravel. `underReview` has waited too long for Laravel's word and waits for an
 * operator; it may have been charged or not. The other two are final.
 */
export type GiftStatus = 'pending' | 'underReview' | 'settled' | 'rejected';

/** What became of one gift, as its sender may ask; `unknown` when it was never accepted or is somebody else's. */
export type GiftReport = { readonly transactionId: GiftTransactionId } & (
  | { readonly status: 'pending' | 'underReview' | 'unknown' }
  | {
      readonly status: 'settled';
      /** The sender's coins afterwards; null when Laravel does not say. */
      readonly balance: number | null;
    }
  | { readonly status: 'rejected'; readonly code: string; readonly reason: string }
);
