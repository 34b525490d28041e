import type { MediaEvent, RoomActivity, RoomEvent } from '../../src/core/events.ts';
import type {
  ChatMessage,
  Participant,
  ProducerDescription,
  RoomSnapshot,
  Seat,
  UserProfile,
} from '../../src/core/model.ts';
import type { MembershipStatus } from './membership.ts';

/**
 * What a room looks like from here, as immutable data. Every function of this file is pure: state and event in, new
 * state out, the same object when nothing changed.
 */
export interface RoomState {
  readonly roomId: string;
  readonly title: string;
  readonly ownerId: number;
  readonly me: UserProfile;
  readonly seats: readonly Seat[];
  /** The user's own seat, 0-based, or null while listening. */
  readonly mySeat: number | null;
  /** Known members by user id; in a large room not all of them, see `participantCount`. */
  readonly participants: ReadonlyMap<number, Participant>;
  readonly participantCount: number;
  /** By producer id. */
  readonly producers: ReadonlyMap<string, ProducerDescription>;
  /** Loudness of whoever is audible now, by user id, in dBov (-127 to 0). */
  readonly levels: ReadonlyMap<number, number>;
  /** Whose voices the server forwards now, by user id; somebody audible who is missing is not among the loudest. */
  readonly forwarded: ReadonlySet<number>;
  /** Oldest first. */
  readonly messages: readonly ChatMessage[];
  readonly hasOlderMessages: boolean;
  readonly status: MembershipStatus;
  /** Whether the own microphone is muted; it only matters on a seat. */
  readonly muted: boolean;
  /** True while the browser withholds sound until the user touches the page. */
  readonly audioBlocked: boolean;
}

/** Live messages beyond this many push the oldest out; `loadOlderMessages` brings them back. */
const keptMessages = 500;

/** The state at the moment of joining. */
export function fromSnapshot(snapshot: RoomSnapshot, me: UserProfile): RoomState {
  const empty: RoomState = {
    roomId: snapshot.roomId,
    title: snapshot.title,
    ownerId: snapshot.ownerId,
    me,
    seats: [],
    mySeat: null,
    participants: new Map(),
    participantCount: 0,
    producers: new Map(),
    levels: new Map(),
    forwarded: new Set(),
    messages: [],
    hasOlderMessages: true,
    status: 'joined',
    muted: false,
    audioBlocked: false,
  };
  return applySnapshot(empty, snapshot);
}

/** Replaces everything the snapshot tells; messages stay, they are not part of it. */
export function applySnapshot(state: RoomState, snapshot: RoomSnapshot): RoomState {
  const participants = new Map<number, Participant>(
    snapshot.participants.map((participant) => [participant.userId, participant]),
  );
  // The snapshot holds the first page of a large room; the user is a member even if not on it.
  const { id, name, avatar } = state.me;
  if (!participants.has(id)) {
    const known = state.participants.get(id);
    participants.set(id, known ?? { userId: id, name, avatar, joinedAt: Date.now(), connected: true });
  }
  return withSeats(
    {
      ...state,
      title: snapshot.title,
      ownerId: snapshot.ownerId,
      participants,
      participantCount: snapshot.participantCount,
      producers: new Map(snapshot.producers.map((producer) => [producer.producerId, producer])),
      levels: new Map(),
    },
    snapshot.seats,
  );
}

/** Who is here and where they sit. Events about the session or the room's end change nothing visible. */
export function applyRoomEvent(state: RoomState, event: RoomEvent): RoomState {
  switch (event.type) {
    case 'userJoined': {
      const { participant } = event;
      const participants = new Map(state.participants).set(participant.userId, participant);
      return { ...state, participants, participantCount: recount(state, participants) };
    }
    case 'userLeft': {
      const participants = new Map(state.participants);
      participants.delete(event.userId);
      const left = {
        ...state,
        participants,
        participantCount: recount(state, participants),
        producers: without(state.producers, (producer) => producer.userId === event.userId),
      };
      return withSeats(left, vacate(left.seats, event.userId));
    }
    case 'userConnectionChanged': {
      const participant = state.participants.get(event.userId);
      if (!participant || participant.connected === event.connected) return state;
      const changed = { ...participant, connected: event.connected };
      return { ...state, participants: new Map(state.participants).set(event.userId, changed) };
    }
    case 'seatTaken': {
      const seats = vacate(state.seats, event.userId).map((seat) =>
        seat.index === event.seat ? { ...seat, userId: event.userId } : seat,
      );
      return withSeats(state, seats);
    }
    case 'seatLeft':
      return withSeats(state, vacate(state.seats, event.userId));
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

/** The newest loudness and head count. */
export function applyActivity(state: RoomState, activity: RoomActivity): RoomState {
  return {
    ...state,
    levels: new Map(activity.levels.map(({ userId, level }) => [userId, level])),
    forwarded: new Set(activity.forwarded),
    participantCount: Math.max(activity.participantCount, state.participants.size),
  };
}

/** A live or replayed message; one that is known already is ignored. */
export function addMessage(state: RoomState, message: ChatMessage): RoomState {
  const messages = mergeMessages(state.messages, [message]);
  if (messages === state.messages) return state;
  const overflow = Math.max(0, messages.length - keptMessages);
  return { ...state, messages: messages.slice(overflow), hasOlderMessages: state.hasOlderMessages || overflow > 0 };
}

/** A page of the history, in any overlap with what is known. */
export function addHistory(state: RoomState, messages: readonly ChatMessage[], hasMore: boolean): RoomState {
  return { ...state, messages: mergeMessages(state.messages, messages), hasOlderMessages: hasMore };
}

/** A further page of the member list. */
export function addParticipants(state: RoomState, page: readonly Participant[]): RoomState {
  const participants = new Map(state.participants);
  for (const participant of page) participants.set(participant.userId, participant);
  return { ...state, participants };
}

function withSeats(state: RoomState, seats: readonly Seat[]): RoomState {
  return { ...state, seats, mySeat: seats.find(({ userId }) => userId === state.me.id)?.index ?? null };
}

function vacate(seats: readonly Seat[], userId: number): Seat[] {
  return seats.map((seat) => (seat.userId === userId ? { ...seat, userId: null } : seat));
}

function without<K, V>(map: ReadonlyMap<K, V>, unwanted: (value: V) => boolean): Map<K, V> {
  return new Map([...map].filter(([, value]) => !unwanted(value)));
}

function mergeMessages(known: readonly ChatMessage[], added: readonly ChatMessage[]): readonly ChatMessage[] {
  const ids = new Set(known.map(({ id }) => id));
  const fresh = added.filter(({ id }) => !ids.has(id));
  return fresh.length === 0 ? known : [...known, ...fresh].sort(byPosition);
}

/** Message ids are positions in the room's log, `<ms>-<sequence>`. */
function byPosition(a: ChatMessage, b: ChatMessage): number {
  const [aTime = '', aSequence = ''] = a.id.split('-');
  const [bTime = '', bSequence = ''] = b.id.split('-');
  return Number(aTime) - Number(bTime) || Number(aSequence) - Number(bSequence);
}

/**
 * The head count after a join or leave. Counting by one would go wrong: the server's own count comes by another way, and
 * may have the event in it already. While all members are known, the list is the count; else the server's next count
 * tells, and no fewer than the known ones are here.
 */
function recount({ participants, participantCount }: RoomState, next: ReadonlyMap<number, Participant>): number {
  return participants.size === participantCount ? next.size : Math.max(participantCount, next.size);
}
