import { memberActions, seatActions } from '~~/sdk/index.ts';
import type { MemberAction, RoomState, SeatAction } from '~~/sdk/index.ts';

/** Everything that a tile, a name or a menu of the room can offer. */
export type RoomAction = MemberAction | SeatAction | 'gift';

interface ActionWords {
  readonly label: string;
  readonly icon: IconName;
  readonly isHarsh?: true;
}

export const actionWords: Record<RoomAction, ActionWords> = {
  gift: { label: 'Give a gift', icon: 'gift' },
  take: { label: 'Take this seat', icon: 'mic' },
  move: { label: 'Move to this seat', icon: 'move' },
  raiseHand: { label: 'Ask for a seat', icon: 'hand' },
  lock: { label: 'Lock this seat', icon: 'lock' },
  unlock: { label: 'Unlock this seat', icon: 'unlock' },
  approve: { label: 'Give a seat', icon: 'check' },
  reject: { label: 'Lower hand', icon: 'hand' },
  invite: { label: 'Invite to speak', icon: 'mic' },
  mute: { label: 'Mute', icon: 'micOff' },
  unmute: { label: 'Unmute', icon: 'mic' },
  removeFromSeat: { label: 'Remove from seat', icon: 'down' },
  muteChat: { label: 'Mute in chat', icon: 'chatOff' },
  unmuteChat: { label: 'Unmute in chat', icon: 'chat' },
  kick: { label: 'Remove from room', icon: 'out', isHarsh: true },
  ban: { label: 'Ban …', icon: 'ban', isHarsh: true },
};

/** What the user can do to or for a member. */
export function actionsOnMember(state: RoomState, userId: number): readonly RoomAction[] {
  if (userId === state.me.id) return [];
  const gift: readonly RoomAction[] = state.participants.has(userId) ? ['gift'] : [];
  return [...gift, ...memberActions(state, userId)];
}

/** What the user can do with a seat or to whoever is on it. */
export function actionsOnSeat(state: RoomState, index: number): readonly RoomAction[] {
  const userId = state.seats[index]?.userId ?? null;
  return userId === null ? seatActions(state, index) : actionsOnMember(state, userId);
}

/** The name to show for a user; in a large room not everybody is known, nor are those who have left without a word. */
export function nameOf(state: RoomState, userId: number, unknown = 'Somebody'): string {
  const said = state.messages.findLast(({ sender }) => sender?.id === userId);
  return state.participants.get(userId)?.name ?? said?.sender?.name ?? unknown;
}
