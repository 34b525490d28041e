import type {
  ChatMessage,
  Participant,
  ProducerDescription,
  RoomSnapshot,
  Seat,
  UserProfile,
} from '../../src/core/model.ts';

/*
 * What the tests of the state are made of. Ids are branded where they come from outside; here they are plain.
 */

/** Whose eyes the tests see with: user 1. */
export const me = { id: 1, name: 'Ada', avatar: null } as UserProfile;

export function participant(userId: number, more: Partial<Participant> = {}): Participant {
  const role = 'member';
  const rest = { avatar: null, joinedAt: 0, connected: true, role, chatMuted: false } as const;
  return { userId, name: `User ${userId}`, ...rest, ...more } as Participant;
}

export function producer(
  producerId: string,
  userId: number,
  more: Partial<ProducerDescription> = {},
): ProducerDescription {
  return { producerId, userId, source: 'microphone', paused: false, ...more } as ProducerDescription;
}

/** A message by user 1 unless told otherwise. */
export function message(id: string, more: Partial<ChatMessage> = {}): ChatMessage {
  return { type: 'text', id, sender: me, content: id, replyTo: null, sentAt: 0, clientMessageId: null, ...more };
}

export function seat(index: number, userId: number | null = null, more: Partial<Seat> = {}): Seat {
  return { index, userId, locked: false, mutedByHost: false, ...more } as Seat;
}

/** Three free seats and the users 1 and 2. */
export function snapshot(more: Record<string, unknown> = {}): RoomSnapshot {
  return {
    roomId: '42',
    title: 'Morning',
    ownerId: 9,
    seats: [seat(0), seat(1), seat(2)],
    participants: [participant(1), participant(2)],
    participantCount: 2,
    producers: [],
    seatMode: 'free',
    slowModeSeconds: 0,
    requests: [],
    invitations: [],
    cursor: '1-0',
    ...more,
  } as unknown as RoomSnapshot;
}
