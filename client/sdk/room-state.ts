import type { MediaEvent, MemberQuality, RoomActivity, RoomEvent } from '../../src/core/events.ts';
import type {
  ChatMessage,
  Participant,
  ProducerDescription,
  RoomRole,
  RoomSnapshot,
  Seat,
  SeatInvitation,
  SeatMode,
  SeatRequest,
  UserProfile,
} from '../../src/core/model.ts';
import type { MembershipStatus } from './membership.ts';
import { applySeatEvent, isSeatEvent, withoutSeatOf } from './seat-state.ts';

/**
 * What a room looks like from here, as immutable data. Every function of this file, of seat-state.ts and of
 * message-state.ts is pure: state and event in, new state out, the same object when nothing changed.
 */
export interface RoomState {
  readonly roomId: string;
  readonly title: string;
  readonly ownerId: number;
  readonly me: UserProfile;
  /** What the user is in this room; see `isAllowed` for what that permits. */
  readonly role: RoomRole;
  readonly seats: readonly Seat[];
  /** How seats are given. */
  readonly seatMode: SeatMode;
  /** The user's own seat, 0-based, or null while listening. */
  readonly mySeat: number | null;
  /** Whether a host has muted the user, who is on a seat; only a host can lift that. */
  readonly mutedByHost: boolean;
  /** Raised hands, the oldest first. */
  readonly requests: readonly SeatRequest[];
  /** The user's own place among the raised hands, 0-based, or null while the hand is down. */
  readonly myRequest: number | null;
  /** Invitations to a seat that have not been answered. */
  readonly invitations: readonly SeatInvitation[];
  /** The invitation that the user can accept. */
  readonly myInvitation: SeatInvitation | null;
  /** Known members by user id; in a large room not all of them, see `participantCount`. */
  readonly participants: ReadonlyMap<number, Participant>;
  readonly participantCount: number;
  /** By producer id. */
  readonly producers: ReadonlyMap<string, ProducerDescription>;
  /** Loudness of whoever is audible now, by user id, in dBov (-127 to 0). */
  readonly levels: ReadonlyMap<number, number>;
  /** Whose voices the server forwards now, by user id; somebody audible who is missing is not among the loudest. */
  readonly forwarded: ReadonlySet<number>;
  /** How well the voices of those who send reach the server, by user id; whoever is missing has not been measured yet. */
  readonly qualities: ReadonlyMap<number, MemberQuality>;
  /** Oldest first. */
  readonly messages: readonly ChatMessage[];
  readonly hasOlderMessages: boolean;
  /** Least time between two messages of a member, seconds; 0 while slow mode is off. Hosts are exempt. */
  readonly slowModeSeconds: number;
  /** Whether a host has taken the user's right to chat. */
  readonly chatMuted: boolean;
  readonly status: MembershipStatus;
  /** Whether the own microphone is muted; it only matters on a seat. */
  readonly muted: boolean;
  /** True while the browser withholds sound until the user touches the page. */
  readonly audioBlocked: boolean;
}

/** The state at the moment of joining. */
export function fromSnapshot(snapshot: RoomSnapshot, me: UserProfile): RoomState {
  const empty: RoomState = {
    roomId: snapshot.roomId,
    title: snapshot.title,
    ownerId: snapshot.ownerId,
    me,
    role: 'member',
    seats: [],
    seatMode: 'free',
    mySeat: null,
    mutedByHost: false,
    requests: [],
    myRequest: null,
    invitations: [],
    myInvitation: null,
    participants: new Map(),
    participantCount: 0,
    producers: new Map(),
    levels: new Map(),
    forwarded: new Set(),
    qualities: new Map(),
    messages: [],
    hasOlderMessages: true,
    slowModeSeconds: 0,
    chatMuted: false,
    status: 'joined',
    muted: false,
    audioBlocked: false,
  };
  return applySnapshot(empty, snapshot);
}

/** Replaces everything the snapshot tells; messages stay, they are not part of it. */
export function applySnapshot(state: RoomState, snapshot: RoomSnapshot): RoomState {
  return { ...applyMediaSnapshot(applyRoomSnapshot(state, snapshot), snapshot), levels: new Map() };
}

/** Replaces what events of the topic `room` change: who is here, where they sit and what they may. */
export function applyRoomSnapshot(state: RoomState, snapshot: RoomSnapshot): RoomState {
  const participants = new Map<number, Participant>(
    snapshot.participants.map((participant) => [participant.userId, participant]),
  );
  // The snapshot holds the first page of a large room; the user is a member even if not on it.
  const { id, name, avatar } = state.me;
  if (!participants.has(id)) participants.set(id, state.participants.get(id) ?? { ...unknownMember(id), name, avatar });
  return withOwn({
    ...state,
    title: snapshot.title,
    ownerId: snapshot.ownerId,
    seats: snapshot.seats,
    seatMode: snapshot.seatMode,
    requests: snapshot.requests,
    invitations: snapshot.invitations,
    slowModeSeconds: snapshot.slowModeSeconds,
    participants,
    participantCount: snapshot.participantCount,
  });
}

/** Replaces what events of the topic `media` change: who can be heard. */
export function applyMediaSnapshot(state: RoomState, { producers }: RoomSnapshot): RoomState {
  return { ...state, producers: new Map(producers.map((producer) => [producer.producerId, producer])) };
}

/** Who is here, where they sit and what they may. Events about the session or the room's end change nothing visible. */
export function applyRoomEvent(state: RoomState, event: RoomEvent): RoomState {
  if (isSeatEvent(event)) {
    const next = applySeatEvent(state, event);
    return next === state ? state : withOwn(next);
  }
  switch (event.type) {
    case 'userJoined': {
      const { participant } = event;
      const participants = new Map(state.participants).set(participant.userId, participant);
      return withOwn({ ...state, participants, participantCount: recount(state, participants) });
    }
    case 'userLeft': {
      const participants = new Map(state.participants);
      participants.delete(event.userId);
      return withOwn(
        withoutSeatOf(
          {
            ...state,
            participants,
            participantCount: recount(state, participants),
            producers: without(state.producers, (producer) => producer.userId === event.userId),
          },
          event.userId,
        ),
      );
    }
    case 'userConnectionChanged':
      return withParticipant(state, event.userId, { connected: event.connected });
    case 'roomUpdated':
      return { ...state, title: event.title, ownerId: event.ownerId };
    case 'roleChanged':
      return withParticipant(state, event.userId, { role: event.role });
    case 'chatMuteChanged':
      return withParticipant(state, event.userId, { chatMuted: event.muted });
    case 'slowModeChanged':
      return { ...state, slowModeSeconds: event.seconds };
    case 'sessionReplaced':
    case 'roomClosed':
      return state;
  }
}

/** Who can be heard. */
export function applyMediaEvent(state: RoomState, event: MediaEvent): RoomState {
  switch (event.type) {
    case 'producerOpened': {
      const { producer } = event;
      const others = without(
        state.producers,
        ({ userId, source }) => userId === producer.userId && source === producer.source,
      );
      return { ...state, producers: new Map(others).set(producer.producerId, producer) };
    }
    case 'producerPaused':
    case 'producerResumed': {
      const producer = state.producers.get(event.producerId);
      const paused = event.type === 'producerPaused';
      if (!producer || producer.paused === paused) return state;
      return { ...state, producers: new Map(state.producers).set(event.producerId, { ...producer, paused }) };
    }
    case 'producerClosed': {
      const producers = without(state.producers, ({ producerId }) => producerId === event.producerId);
      return producers.size === state.producers.size ? state : { ...state, producers };
    }
    case 'routersReplaced':
      return state;
  }
}

/** The newest loudness, qualities and head count. */
export function applyActivity(state: RoomState, activity: RoomActivity): RoomState {
  return {
    ...state,
    levels: new Map(activity.levels.map(({ userId, level }) => [userId, level])),
    forwarded: new Set(activity.forwarded),
    ...(activity.quality && { qualities: new Map(activity.quality.map((each) => [each.userId, each])) }),
    participantCount: Math.max(activity.participantCount, state.participants.size),
  };
}

/** A further page of the member list. */
export function addParticipants(state: RoomState, page: readonly Participant[]): RoomState {
  const participants = new Map(state.participants);
  for (const participant of page) participants.set(participant.userId, participant);
  return { ...state, participants };
}

/**
 * Without those of whose leave a big room is not told: listeners who are no hosts and have no hand up.
 *
 * @param participantCount - members by the server's count
 */
export function forgetListeners(state: RoomState, participantCount: number): RoomState {
  const told = new Set<number | null>([state.me.id]);
  for (const { userId } of [...state.seats, ...state.requests]) told.add(userId);
  const participants = without(state.participants, ({ userId, role }) => role === 'member' && !told.has(userId));
  return { ...state, participants, participantCount: Math.max(participantCount, participants.size) };
}

/** Somebody of whom only the id is known yet: a large room's snapshot and its events tell of people out of order. */
export function unknownMember(userId: number): Participant {
  return {
    userId: userId as Participant['userId'],
    name: '…',
    avatar: null,
    joinedAt: Date.now(),
    connected: true,
    role: 'member',
    chatMuted: false,
  };
}

/** Works out again what follows from the rest for the user. */
function withOwn(state: RoomState): RoomState {
  const { id } = state.me;
  const me = state.participants.get(id);
  const seat = state.seats.find(({ userId }) => userId === id);
  const request = state.requests.findIndex(({ userId }) => userId === id);
  return {
    ...state,
    role: me?.role ?? state.role,
    chatMuted: me?.chatMuted ?? state.chatMuted,
    mySeat: seat?.index ?? null,
    mutedByHost: seat?.mutedByHost ?? false,
    myRequest: request < 0 ? null : request,
    myInvitation: state.invitations.find(({ userId }) => userId === id) ?? null,
  };
}

function withParticipant(state: RoomState, userId: number, change: Partial<Participant>): RoomState {
  const participant = state.participants.get(userId);
  if (!participant) return state;
  const changed = { ...participant, ...change };
  const keys = Object.keys(change) as (keyof Participant)[];
  if (keys.every((key) => participant[key] === changed[key])) return state;
  return withOwn({ ...state, participants: new Map(state.participants).set(userId, changed) });
}

function without<K, V>(map: ReadonlyMap<K, V>, unwanted: (value: V) => boolean): Map<K, V> {
  return new Map([...map].filter(([, value]) => !unwanted(value)));
}

/**
 * The head count after a join or leave. Counting by one would go wrong: the server's own count comes by another way, and
 * may have the event in it already. While all members are known, the list is the count; else the server's next count
 * tells, and no fewer than the known ones are here.
 */
function recount({ participants, participantCount }: RoomState, next: ReadonlyMap<number, Participant>): number {
  return participants.size === participantCount ? next.size : Math.max(participantCount, next.size);
}
