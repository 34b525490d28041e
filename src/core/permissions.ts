import { type RoomRole, roomRoles } from './model.ts';

/** What it takes to call a procedure of a room. */
export interface Permission {
  /** The lowest role that may. */
  readonly role: RoomRole;
  /** Set when it is done to another member: the caller must outrank that one. */
  readonly outranks?: true;
}

/**
 * The one table of who may do what in a room, by procedure. Every procedure that needs a membership is in it; what a
 * member does to itself, or sees, needs the role `member`.
 */
export const permissions = {
  'room.leave': { role: 'member' },
  'room.participants': { role: 'member' },
  'room.onEvent': { role: 'member' },
  'room.onActivity': { role: 'member' },
  'room.react': { role: 'member' },
  'room.kick': { role: 'admin', outranks: true },
  'room.ban': { role: 'admin', outranks: true },
  /** Neither lifts nor changes a ban of the owner or of an operator, but the owner those of the owner. */
  'room.unban': { role: 'admin' },
  'room.bans': { role: 'admin' },
  'room.close': { role: 'owner' },
  'seat.take': { role: 'member' },
  'seat.leave': { role: 'member' },
  'seat.move': { role: 'member' },
  'seat.request': { role: 'member' },
  'seat.cancel': { role: 'member' },
  'seat.accept': { role: 'member' },
  'seat.decline': { role: 'member' },
  'seat.approve': { role: 'admin' },
  'seat.reject': { role: 'admin', outranks: true },
  'seat.invite': { role: 'admin' },
  'seat.lock': { role: 'admin' },
  'seat.unlock': { role: 'admin' },
  'seat.remove': { role: 'admin', outranks: true },
  'seat.mute': { role: 'admin', outranks: true },
  'seat.unmute': { role: 'admin', outranks: true },
  'seat.setCount': { role: 'admin' },
  'seat.setMode': { role: 'admin' },
  'media.createTransport': { role: 'member' },
  'media.connectTransport': { role: 'member' },
  'media.restartIce': { role: 'member' },
  'media.produce': { role: 'member' },
  'media.pauseProducer': { role: 'member' },
  'media.resumeProducer': { role: 'member' },
  'media.closeProducer': { role: 'member' },
  'media.consume': { role: 'member' },
  'media.resume': { role: 'member' },
  'media.start': { role: 'member' },
  'media.diagnose': { role: 'member' },
  'media.onEvent': { role: 'member' },
  'chat.send': { role: 'member' },
  'chat.history': { role: 'member' },
  'chat.onMessage': { role: 'member' },
  /** Of one's own message; of somebody else's it takes an admin who outranks the author. */
  'chat.delete': { role: 'member' },
  'chat.mute': { role: 'admin', outranks: true },
  'chat.unmute': { role: 'admin', outranks: true },
  'chat.setSlowMode': { role: 'admin' },
  'gift.send': { role: 'member' },
  'gift.sendToMany': { role: 'member' },
  'gift.onEvent': { role: 'member' },
} as const satisfies Record<string, Permission>;

/** A procedure that the table speaks about. */
export type RoomProcedure = keyof typeof permissions;

/** Whether a role is at least `least`. */
export function hasRole(role: RoomRole, least: RoomRole): boolean {
  return roomRoles.indexOf(role) <= roomRoles.indexOf(least);
}

/** Whether somebody of role `role` may act on somebody of role `other`: only downwards. */
export function outranks(role: RoomRole, other: RoomRole): boolean {
  return roomRoles.indexOf(role) < roomRoles.indexOf(other);
}
