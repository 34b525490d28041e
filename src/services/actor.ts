import type { RoomId, SessionId, UserId } from '../core/ids.ts';
import type { Permission } from '../core/permissions.ts';

/** Who does something to a room or to others in it. Whether that one may is checked by the script that does it. */
export interface Actor {
  readonly roomId: RoomId;
  /** Null for an operator, who is no member and whom nobody outranks. */
  readonly userId: UserId | null;
  readonly sessionId: SessionId | null;
  /** What the procedure demands that was called. */
  readonly permission: Permission;
}

/** Somebody who holds the internal key. */
export function operatorIn(roomId: RoomId): Actor {
  return { roomId, userId: null, sessionId: null, permission: { role: 'owner' } };
}

/** The first arguments of scripts that include lua/includes/roles.lua. */
export function actorArguments({ userId, sessionId, permission }: Actor): (string | number)[] {
  return [userId ?? '-', sessionId ?? '-', permission.role, permission.outranks === true ? 1 : 0];
}
