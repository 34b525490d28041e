import type { RoomEvent } from '../../src/core/events.ts';
import type { Seat } from '../../src/core/model.ts';
import type { RoomState } from './room-state.ts';

const seatEvents = [
  'seatTaken',
  'seatLeft',
  'seatMoved',
  'seatLockChanged',
  'seatCountChanged',
  'seatModeChanged',
  'seatRequested',
  'seatRequestEnded',
  'seatInvited',
  'seatInvitationEnded',
  'speakerMuteChanged',
] as const satisfies RoomEvent['type'][];

/** The events about seats, hands and invitations. */
export type SeatEvent = Extract<RoomEvent, { type: (typeof seatEvents)[number] }>;

export function isSeatEvent(event: RoomEvent): event is SeatEvent {
  return (seatEvents as readonly string[]).includes(event.type);
}

/** Seats, raised hands and invitations after an event; what follows from them for the user is the caller's to derive. */
export function applySeatEvent(state: RoomState, event: SeatEvent): RoomState {
  switch (event.type) {
    case 'seatTaken': {
      const { seat, userId, mutedByHost } = event;
      return { ...state, seats: setSeat(vacate(state.seats, userId), seat, { userId, mutedByHost }) };
    }
    case 'seatMoved': {
      const mutedByHost = state.seats.some((seat) => seat.userId === event.userId && seat.mutedByHost);
      const { userId, to } = event;
      return { ...state, seats: setSeat(vacate(state.seats, userId), to, { userId, mutedByHost }) };
    }
    case 'seatLeft':
      return { ...state, seats: vacate(state.seats, event.userId) };
    case 'seatLockChanged':
      return { ...state, seats: setSeat(state.seats, event.seat, { locked: event.locked }) };
    case 'seatCountChanged':
      return { ...state, seats: resize(state.seats, event.seatCount) };
    case 'seatModeChanged':
      return { ...state, seatMode: event.seatMode };
    case 'seatRequested': {
      const others = state.requests.filter(({ userId }) => userId !== event.request.userId);
      const requests = [...others, event.request].sort((a, b) => a.requestedAt - b.requestedAt);
      return { ...state, requests };
    }
    case 'seatRequestEnded':
      return withoutRequest(state, event.userId);
    case 'seatInvited': {
      const others = state.invitations.filter(({ userId }) => userId !== event.invitation.userId);
      return { ...state, invitations: [...others, event.invitation] };
    }
    case 'seatInvitationEnded':
      return withoutInvitation(state, event.userId);
    case 'speakerMuteChanged': {
      const seat = state.seats.find(({ userId }) => userId === event.userId);
      if (!seat || seat.mutedByHost === event.muted) return state;
      return { ...state, seats: setSeat(state.seats, seat.index, { mutedByHost: event.muted }) };
    }
  }
}

/** A member has gone, and the seat, the raised hand and the invitation with them. */
export function withoutSeatOf(state: RoomState, userId: number): RoomState {
  const seated = state.seats.some((seat) => seat.userId === userId);
  const next = seated ? { ...state, seats: vacate(state.seats, userId) } : state;
  return withoutInvitation(withoutRequest(next, userId), userId);
}

function withoutRequest(state: RoomState, userId: number): RoomState {
  const requests = state.requests.filter((request) => request.userId !== userId);
  return requests.length === state.requests.length ? state : { ...state, requests };
}

function withoutInvitation(state: RoomState, userId: number): RoomState {
  const invitations = state.invitations.filter((invitation) => invitation.userId !== userId);
  return invitations.length === state.invitations.length ? state : { ...state, invitations };
}

function setSeat(seats: readonly Seat[], index: number, change: Partial<Seat>): Seat[] {
  return seats.map((seat) => (seat.index === index ? { ...seat, ...change } : seat));
}

function vacate(seats: readonly Seat[], userId: number): Seat[] {
  return seats.map((seat) => (seat.userId === userId ? { ...seat, userId: null, mutedByHost: false } : seat));
}

/** People on seats that go have left them by events of their own. */
function resize(seats: readonly Seat[], seatCount: number): Seat[] {
  return Array.from(
    { length: seatCount },
    (_, index) => seats[index] ?? { index, userId: null, locked: false, mutedByHost: false },
  );
}
