/** The FlyLive SDK: audio rooms for browsers, without a framework. See docs/FRONTEND_INTEGRATION.md. */
export { createFlyLive } from './flylive.ts';
export type { FlyLive, FlyLiveOptions, JoinOptions } from './flylive.ts';
export type { Room } from './room.ts';
export type { RoomEnd } from './room-end.ts';
export { endByRefusal } from './room-end.ts';
export type { BanOptions, RoomHost } from './room-host.ts';
export { isAllowed, mayDelete, memberActions, seatActions } from './host-actions.ts';
export type { MemberAction, SeatAction } from './host-actions.ts';
export type { GiftNotSent, GiftOrder, GiftOrderForMany, GiftOutcome, GiftRejection } from './room-gifts.ts';
export type { GiftStorage } from './gift-journal.ts';
export { unknownMember } from './room-state.ts';
export type { RoomState } from './room-state.ts';
export type { ConnectionState } from './connection.ts';
export { FlyLiveError, GiftError, toFlyLiveError } from './errors.ts';
export type { BanFacts, FlyLiveCode, LocalCode } from './errors.ts';
export { listMicrophones } from './microphone.ts';
export type { Microphone } from './microphone.ts';
export type { Logger } from './logger.ts';
export type { SilenceCause } from '../../src/core/audio-path.ts';
export type {
  ConnectionQuality,
  MemberQuality,
  ReactionCount,
  ReactionKind,
  RoomEvent,
} from '../../src/core/events.ts';
export type {
  Ban,
  CatalogueGift,
  ChatMessage,
  ChatQuote,
  Gift,
  Participant,
  ProducerDescription,
  RoomListing,
  RoomRole,
  Seat,
  SeatInvitation,
  SeatMode,
  SeatRequest,
  UserProfile,
} from '../../src/core/model.ts';
