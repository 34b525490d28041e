import { isAllowed } from '~~/sdk/index.ts';
import type { RoomEvent, RoomState } from '~~/sdk/index.ts';

export interface Announcement {
  readonly text: string;
  /** `notice` is shown to everybody who gets it, `aside` is for screen readers: others can see it happen. */
  readonly kind: 'notice' | 'aside';
  readonly tone: Notice['tone'];
}

const ends = {
  approved: null,
  seated: null,
  canceled: null,
  memberLeft: null,
  rejected: 'A host has lowered your hand. You can raise it again later.',
} as const;

const invitationEnds = {
  accepted: null,
  declined: null,
  seated: null,
  // The seat that it was for is gone.
  canceled: 'The invitation is over: that seat was removed.',
  memberLeft: null,
  expired: 'The invitation has expired.',
} as const;

const seatEnds = {
  left: null,
  memberLeft: null,
  removed: 'A host has made you a listener.',
  seatCountReduced: 'Your seat was removed. You are a listener now.',
} as const;

/**
 * What is to be said about an event, or null when it speaks for itself.
 *
 * @param state - before the event, so that those who have just gone still have a name
 */
export function announce(event: RoomEvent, state: RoomState): Announcement | null {
  const isMe = 'userId' in event && event.userId === state.me.id;
  const name = (userId: number): string => (userId === state.me.id ? 'you' : nameOf(state, userId));
  const mine = (text: string | null, tone: Notice['tone'] = 'info'): Announcement | null =>
    text === null ? null : { text, kind: 'notice', tone };
  const aside = (text: string): Announcement => ({ text, kind: 'aside', tone: 'info' });

  switch (event.type) {
    case 'seatTaken':
      if (isMe) {
        // Whoever took it by a click knows; whoever had a hand up has waited for this.
        return state.myRequest === null ? null : mine('You have a seat. Unmute to speak.', 'good');
      }
      return aside(`${name(event.userId)} took seat ${event.seat + 1}.`);
    case 'seatLeft':
      if (isMe) return mine(seatEnds[event.reason]);
      return event.reason === 'removed'
        ? aside(`${name(event.userId)} was removed from seat ${event.seat + 1}.`)
        : null;
    case 'seatMoved':
      return isMe ? null : aside(`${name(event.userId)} moved to seat ${event.to + 1}.`);
    case 'seatLockChanged':
      return aside(`Seat ${event.seat + 1} is ${event.locked ? 'locked' : 'free to take'}.`);
    case 'seatCountChanged':
      return aside(event.seatCount === 1 ? 'There is one seat now.' : `There are ${event.seatCount} seats now.`);
    case 'seatModeChanged':
      return mine(
        event.seatMode === 'apply'
          ? 'Hosts assign the seats now: raise your hand to speak.'
          : 'Seats are free to take now.',
      );
    case 'seatRequested': {
      const { userId } = event.request;
      if (userId === state.me.id || !isAllowed(state, 'seat.approve')) return null;
      return aside(`${name(userId)} raised a hand.`);
    }
    case 'seatRequestEnded':
      return isMe ? mine(ends[event.reason]) : null;
    case 'seatInvited':
      return null;
    case 'seatInvitationEnded': {
      if (isMe) return mine(invitationEnds[event.reason]);
      const wasMine = state.invitations.some(
        ({ userId, invitedBy }) => userId === event.userId && invitedBy === state.me.id,
      );
      if (!wasMine || (event.reason !== 'declined' && event.reason !== 'expired')) return null;
      const what = event.reason === 'declined' ? 'declined your invitation' : 'did not answer your invitation';
      return mine(`${name(event.userId)} ${what}.`);
    }
    case 'speakerMuteChanged':
      // The page shows it for as long as it lasts.
      if (isMe && event.muted) return aside('A host has muted you. Nobody hears you until a host undoes it.');
      if (isMe) return mine('A host has unmuted you. Turn your microphone on to speak.', 'good');
      return aside(`${name(event.by)} ${event.muted ? 'muted' : 'unmuted'} ${name(event.userId)}.`);
    case 'chatMuteChanged':
      if (isMe && event.muted) return mine('A host has muted you in chat.', 'bad');
      if (isMe) return mine('You can chat again.', 'good');
      return null;
    case 'slowModeChanged':
      return aside(
        event.seconds === 0 ? 'Slow mode is off.' : `Slow mode: one message every ${event.seconds} seconds.`,
      );
    case 'roleChanged':
      if (!isMe) return null;
      return mine(event.role === 'member' ? 'You are no longer a host.' : 'You are now a host.');
    case 'userLeft':
      if (event.reason === 'kicked') return aside(`${name(event.userId)} was removed from the room.`);
      return event.reason === 'banned' ? aside(`${name(event.userId)} was banned.`) : null;
    default:
      return null;
  }
}
