import type { EventId, RoomId, UserId } from '../core/ids.ts';
import type { MediaSource, Participant, RoomRole, RoomSnapshot, SeatInvitation, SeatMode } from '../core/model.ts';
import type { ScriptReply } from './redis/scripts.ts';

/** Members named in a snapshot beside those on seats; `room.participants` pages through the rest. */
export const snapshotPageSize = 100;

/** Takes the answer of lua/includes/snapshot.lua apart. */
export function toSnapshot(roomId: RoomId, reply: ScriptReply | undefined): RoomSnapshot {
  if (!Array.isArray(reply)) throw new Error('A room script answered no snapshot');
  const [cursor, state, seats, producers, members, count, locked, muted, requests, invitations] = reply;
  const fields = new Map(pairs(state));
  const seated = new Map(pairs(seats).map(([seat, userId]) => [Number(seat), Number(userId) as UserId]));
  const lockedSeats = new Set(numbers(locked));
  const mutedSpeakers = new Set(numbers(muted));
  return {
    roomId,
    title: fields.get('title') ?? '',
    ownerId: Number(fields.get('ownerId')) as UserId,
    seats: Array.from({ length: Number(fields.get('seatCount')) }, (_, index) => {
      const userId = seated.get(index) ?? null;
      return {
        index,
        userId,
        locked: lockedSeats.has(index),
        mutedByHost: userId !== null && mutedSpeakers.has(userId),
      };
    }),
    participants: toParticipants(members),
    participantCount: Number(count),
    producers: pairs(producers).map(([producerId, stored]) => {
      const [userId, source, paused] = stored.split(' ');
      return {
        producerId,
        userId: Number(userId) as UserId,
        source: source as MediaSource,
        paused: paused === '1',
      };
    }),
    seatMode: (fields.get('seatMode') ?? 'free') as SeatMode,
    slowModeSeconds: Number(fields.get('slowModeSeconds') ?? 0),
    requests: pairs(requests).map(([userId, requestedAt]) => ({
      userId: Number(userId) as UserId,
      requestedAt: Number(requestedAt),
    })),
    invitations: pairs(invitations).map(([userId, stored]) => toInvitation(userId, stored)),
    cursor: String(cursor) as EventId,
  };
}

/** Takes a list of lua/includes/members.lua apart. */
export function toParticipants(members: ScriptReply | undefined): Participant[] {
  return groups(members, 6).map(([, profile = '', joinedAt, away, role, chatMuted]) => ({
    // JSON fields without braces, as jsonFields made them.
    ...(JSON.parse(`{${profile}}`) as Pick<Participant, 'userId' | 'name' | 'avatar'>),
    joinedAt: Number(joinedAt),
    connected: away === '0',
    role: role as RoomRole,
    chatMuted: chatMuted === '1',
  }));
}

/** JSON of an object without its braces, so that a script can put more fields beside these without parsing. */
export function jsonFields(fields: Record<string, unknown>): string {
  return JSON.stringify(fields).slice(1, -1);
}

/** @param stored - seat or '-', inviter, end in ms, as lua/includes/seats.lua keeps it */
function toInvitation(userId: string, stored: string): SeatInvitation {
  const [seat, invitedBy, expiresAt] = stored.split(' ');
  return {
    userId: Number(userId) as UserId,
    seat: seat === '-' ? null : Number(seat),
    invitedBy: Number(invitedBy) as UserId,
    expiresAt: Number(expiresAt),
  };
}

function pairs(reply: ScriptReply | undefined): [string, string][] {
  return groups(reply, 2).map(([first = '', second = '']) => [first, second]);
}

function groups(reply: ScriptReply | undefined, size: number): string[][] {
  const flat = Array.isArray(reply) ? reply.map(String) : [];
  return Array.from({ length: flat.length / size }, (_, index) => flat.slice(index * size, (index + 1) * size));
}

function numbers(reply: ScriptReply | undefined): number[] {
  return Array.isArray(reply) ? reply.map(Number) : [];
}
