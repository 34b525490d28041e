import type { RoomEvent } from '../../src/core/events.ts';
import type { FlyLiveError } from './errors.ts';

/** Why a room is over for this user. */
export interface RoomEnd {
  readonly reason: 'left' | 'roomClosed' | 'kicked' | 'banned' | 'replaced' | 'refused';
  /** What a host or operator said when closing the room. */
  readonly message?: string;
  /** What was refused, when it was a refusal that told. */
  readonly error?: FlyLiveError;
}

const reasons: Partial<Record<FlyLiveError['code'], RoomEnd['reason']>> = {
  SESSION_REPLACED: 'replaced',
  KICKED: 'kicked',
  BANNED: 'banned',
  ROOM_CLOSED: 'roomClosed',
};

/** The end that a refusal means. */
export function endByRefusal(error: FlyLiveError): RoomEnd {
  return { reason: reasons[error.code] ?? 'refused', error };
}

/** The end that an event means for the given user and session, or null. */
export function endByEvent(event: RoomEvent, userId: number, sessionId: string): RoomEnd | null {
  switch (event.type) {
    case 'roomClosed':
      return { reason: 'roomClosed', ...(event.message === null ? {} : { message: event.message }) };
    case 'sessionReplaced':
      return event.sessionId === sessionId ? { reason: 'replaced' } : null;
    case 'userLeft':
      if (event.userId !== userId) return null;
      return event.reason === 'kicked' || event.reason === 'banned' ? { reason: event.reason } : null;
    default:
      return null;
  }
}
