import type { ChatMessage } from '../../src/core/model.ts';
import { hasRole, outranks, permissions } from '../../src/core/permissions.ts';
import type { Permission, RoomProcedure } from '../../src/core/permissions.ts';
import type { RoomState } from './room-state.ts';

/** What a host can do to a member. */
export type MemberAction =
  'approve' | 'reject' | 'invite' | 'mute' | 'unmute' | 'removeFromSeat' | 'muteChat' | 'unmuteChat' | 'kick' | 'ban';

/** What somebody can do with a free seat. */
export type SeatAction = 'take' | 'move' | 'raiseHand' | 'lock' | 'unlock';

/**
 * Whether the user's role permits a procedure, by the server's own table. The server decides; this is for what to show.
 *
 * @param otherId - the member to whom it would be done
 */
export function isAllowed(state: RoomState, procedure: RoomProcedure, otherId?: number): boolean {
  const permission: Permission = permissions[procedure];
  if (!hasRole(state.role, permission.role)) return false;
  return permission.outranks !== true || (otherId !== undefined && outranksMember(state, otherId));
}

/** Whether the user may delete a message: an own one, or as a host one of whoever ranks lower. */
export function mayDelete(state: RoomState, { sender }: ChatMessage): boolean {
  if (sender === null) return hasRole(state.role, 'admin');
  return sender.id === state.me.id || (hasRole(state.role, 'admin') && outranksMember(state, sender.id));
}

/** What the user can do to a member now, in the order of a menu; empty for whoever is no host. */
export function memberActions(state: RoomState, userId: number): readonly MemberAction[] {
  if (userId === state.me.id) return [];
  const member = state.participants.get(userId);
  const seat = state.seats.find((taken) => taken.userId === userId);
  const asks = state.requests.some((request) => request.userId === userId);
  const invited = state.invitations.some((invitation) => invitation.userId === userId);
  const offers: readonly (readonly [MemberAction, RoomProcedure, boolean])[] = [
    ['approve', 'seat.approve', asks],
    ['reject', 'seat.reject', asks],
    ['invite', 'seat.invite', !seat && !asks && !invited && member !== undefined],
    ['mute', 'seat.mute', seat?.mutedByHost === false],
    ['unmute', 'seat.unmute', seat?.mutedByHost === true],
    ['removeFromSeat', 'seat.remove', seat !== undefined],
    ['muteChat', 'chat.mute', member?.chatMuted === false],
    ['unmuteChat', 'chat.unmute', member?.chatMuted === true],
    ['kick', 'room.kick', member !== undefined],
    ['ban', 'room.ban', true],
  ];
  return offers.flatMap(([action, procedure, applies]) =>
    applies && isAllowed(state, procedure, userId) ? [action] : [],
  );
}

/** What the user can do with a free seat now; empty for one that is taken. */
export function seatActions(state: RoomState, index: number): readonly SeatAction[] {
  const seat = state.seats[index];
  if (!seat || seat.userId !== null) return [];
  const isHost = hasRole(state.role, 'admin');
  const seated = state.mySeat !== null;
  const open = !seat.locked;
  const offers: readonly (readonly [SeatAction, RoomProcedure, boolean])[] = [
    ['take', 'seat.take', open && !seated && (isHost || state.seatMode === 'free')],
    ['move', 'seat.move', open && seated],
    ['raiseHand', 'seat.request', open && !seated && !isHost && state.seatMode === 'apply' && state.myRequest === null],
    ['lock', 'seat.lock', open],
    ['unlock', 'seat.unlock', seat.locked],
  ];
  return offers.flatMap(([action, procedure, applies]) => (applies && isAllowed(state, procedure) ? [action] : []));
}

/** Nobody is known to be a host who is not known at all. */
function outranksMember(state: RoomState, userId: number): boolean {
  return outranks(state.role, state.participants.get(userId)?.role ?? 'member');
}
