import type { Redis } from 'ioredis';
import { AppError, type AppCode, errorTable } from '../core/errors.ts';
import type { ConnectionId, EventId, NodeId, RoomId, SessionId, UserId } from '../core/ids.ts';
import type {
  ChatMessage,
  MediaSource,
  Participant,
  ProducerDescription,
  RoomDescription,
  RoomSnapshot,
  UserProfile,
} from '../core/model.ts';
import { roomAwayKey, roomChatKey, roomProfilesKey, roomRosterKey, roomSeatsKey, roomStateKey } from './redis/keys.ts';
import type { ScriptReply, Scripts } from './redis/scripts.ts';

/** Members named in a snapshot beside those on seats; `room.participants` pages through the rest. */
const snapshotPageSize = 100;
/** Messages that are kept a room. */
const chatHistoryLength = 1_000;

/** Who calls, as the scripts check it. */
export interface MemberKey {
  readonly roomId: RoomId;
  readonly userId: UserId;
  readonly sessionId: SessionId;
}

export interface JoinRequest {
  readonly room: RoomDescription;
  readonly user: UserProfile;
  /** For a new session. */
  readonly newSessionId: SessionId;
  readonly continuedSessionId: SessionId | null;
  readonly connectionId: ConnectionId;
  readonly nodeId: NodeId;
  readonly maxMembers: number;
}

/** What {@link RoomStore.tend} did and when it is wanted again. */
export interface TendResult {
  readonly members: number;
  readonly removed: number;
  readonly closed: boolean;
  /** ms; null when nothing is due. */
  readonly dueInMs: number | null;
}

/**
 * A room's state in Redis, the single source of truth. Every change is one atomic script that also logs its events;
 * every refusal of a script becomes an {@link AppError} here and nowhere else. Each method costs one round trip.
 */
export class RoomStore {
  readonly #redis: Redis;
  readonly #scripts: Scripts;

  constructor(redis: Redis, scripts: Scripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /** @throws AppError ROOM_FULL */
  async join(request: JoinRequest): Promise<{
    sessionId: SessionId;
    resumed: boolean;
    /** True when this call opened the room. */
    opened: boolean;
    snapshot: RoomSnapshot;
  }> {
    const { room, user } = request;
    const [sessionId, resumed, opened, snapshot] = await this.#change('join-room', room.id, [
      user.id,
      profileFields(user),
      request.newSessionId,
      request.connectionId,
      request.nodeId,
      request.continuedSessionId ?? '',
      request.maxMembers,
      room.title,
      room.ownerId,
      room.seatCount,
      snapshotPageSize,
    ]);
    return {
      sessionId: sessionId as SessionId,
      resumed: resumed === 1,
      opened: opened === 1,
      snapshot: toSnapshot(room.id, snapshot),
    };
  }

  /** @throws AppError NOT_IN_ROOM when the session is over already */
  async leave({ roomId, userId, sessionId }: MemberKey): Promise<{ members: number }> {
    const [members] = await this.#change('leave-room', roomId, [userId, sessionId]);
    return { members: Number(members) };
  }

  /** @throws AppError NOT_IN_ROOM when another connection has continued the session */
  async loseConnection(member: MemberKey, connectionId: ConnectionId, graceMs: number): Promise<void> {
    await this.#change('lose-connection', member.roomId, [member.userId, member.sessionId, connectionId, graceMs]);
  }

  /** Marks the members of a dead node as away and drops its producers. */
  async loseNode(roomId: RoomId, nodeId: NodeId, graceMs: number): Promise<void> {
    await this.#change('lose-node', roomId, [nodeId, graceMs]);
  }

  /** Drops the producers of a node whose media for this room is gone. */
  async closeProducersOfNode(roomId: RoomId, nodeId: NodeId): Promise<void> {
    await this.#change('close-node-producers', roomId, [nodeId]);
  }

  /**
   * Tells the members that transports on these routers are gone and others can be made.
   *
   * @throws AppError ROOM_NOT_FOUND
   */
  async announceRoutersReplaced(roomId: RoomId, routerIds: readonly string[]): Promise<void> {
    await this.#change('replace-routers', roomId, [JSON.stringify(routerIds)]);
  }

  /** Removes members whose grace period is over and closes the room when it has been empty for `idleMs`. */
  async tend(roomId: RoomId, idleMs: number): Promise<TendResult> {
    const [members, removed, closed, dueInMs] = (await this.#change('tend-room', roomId, [idleMs])).map(Number);
    return {
      members: members ?? 0,
      removed: removed ?? 0,
      closed: closed === 1,
      dueInMs: dueInMs === undefined || dueInMs < 0 ? null : dueInMs,
    };
  }

  /** @throws AppError ROOM_NOT_FOUND when the room is not open */
  async read(roomId: RoomId): Promise<RoomSnapshot> {
    const [snapshot] = await this.#change('read-room', roomId, [snapshotPageSize]);
    return toSnapshot(roomId, snapshot);
  }

  /** Number of members, those within their grace period included; 0 for a room that is not open. */
  async countMembers(roomId: RoomId): Promise<number> {
    return this.#redis.zcard(roomRosterKey(roomId));
  }

  async isMember(roomId: RoomId, userId: UserId): Promise<boolean> {
    return (await this.#redis.zscore(roomRosterKey(roomId), String(userId))) !== null;
  }

  async isSeated(roomId: RoomId, userId: UserId): Promise<boolean> {
    return (await this.#redis.hvals(roomSeatsKey(roomId))).includes(String(userId));
  }

  /** Members by time of joining, from position `offset`. */
  async listParticipants(roomId: RoomId, offset: number, limit: number): Promise<Participant[]> {
    const page = await this.#redis.zrange(roomRosterKey(roomId), offset, String(offset + limit - 1), 'WITHSCORES');
    const userIds = page.filter((_, index) => index % 2 === 0);
    if (userIds.length === 0) return [];
    const [profiles, away] = await Promise.all([
      this.#redis.hmget(roomProfilesKey(roomId), ...userIds),
      this.#redis.zmscore(roomAwayKey(roomId), userIds),
    ]);
    // A member who left between the two reads has no profile any more.
    return profiles.flatMap((profile, index) =>
      profile === null ? [] : [toParticipant(profile, Number(page[index * 2 + 1]), away[index] === null)],
    );
  }

  /** Titles and counts of open rooms; a room that is not open is left out. */
  async listRooms(roomIds: readonly RoomId[]): Promise<{ roomId: RoomId; participantCount: number }[]> {
    const counts = await Promise.all(
      roomIds.map(async (roomId) => ({
        roomId,
        open: await this.#redis.exists(roomStateKey(roomId)),
        participantCount: await this.countMembers(roomId),
      })),
    );
    return counts
      .filter(({ open }) => open === 1)
      .map(({ roomId, participantCount }) => ({ roomId, participantCount }));
  }

  /**
   * @param seat - 0-based; null for the first free seat
   * @throws AppError NOT_IN_ROOM, ALREADY_SEATED, SEAT_NOT_FOUND, SEAT_TAKEN, NO_FREE_SEAT
   */
  async takeSeat({ roomId, userId, sessionId }: MemberKey, seat: number | null): Promise<{ seat: number }> {
    const [taken] = await this.#change('take-seat', roomId, [userId, sessionId, seat ?? '']);
    return { seat: Number(taken) };
  }

  /** @throws AppError NOT_IN_ROOM, NOT_SEATED */
  async leaveSeat({ roomId, userId, sessionId }: MemberKey): Promise<void> {
    await this.#change('leave-seat', roomId, [userId, sessionId]);
  }

  /** @throws AppError NOT_IN_ROOM, NOT_SEATED */
  async openProducer(member: MemberKey, producer: ProducerDescription, nodeId: NodeId): Promise<void> {
    const { producerId, source, paused } = producer;
    await this.#change('open-producer', member.roomId, [
      member.userId,
      member.sessionId,
      producerId,
      source,
      paused ? 1 : 0,
      nodeId,
    ]);
  }

  /** @throws AppError NOT_IN_ROOM, PRODUCER_NOT_FOUND */
  async pauseProducer({ roomId, userId, sessionId }: MemberKey, producerId: string, paused: boolean): Promise<void> {
    await this.#change('pause-producer', roomId, [userId, sessionId, producerId, paused ? 1 : 0]);
  }

  /** @throws AppError PRODUCER_NOT_FOUND */
  async closeProducer(roomId: RoomId, userId: UserId, producerId: string, reason: 'closed' | 'failed'): Promise<void> {
    await this.#change('close-producer', roomId, [userId, producerId, reason]);
  }

  /** @throws AppError NOT_IN_ROOM */
  async sendChat(
    { roomId, userId, sessionId }: MemberKey,
    sender: UserProfile,
    content: string,
    clientMessageId: string | null,
  ): Promise<ChatMessage> {
    const [message] = await this.#change('send-chat', roomId, [
      userId,
      sessionId,
      jsonFields({ sender, content, clientMessageId }),
      clientMessageId ?? '',
      chatHistoryLength,
    ]);
    return JSON.parse(String(message)) as ChatMessage;
  }

  /**
   * @param before - answer messages older than this one; null for the newest
   * @returns oldest first
   */
  async readChat(roomId: RoomId, before: EventId | null, limit: number): Promise<ChatMessage[]> {
    const end = before === null ? '+' : `(${before}`;
    const entries = await this.#redis.xrevrange(roomChatKey(roomId), end, '-', 'COUNT', limit);
    return entries.reverse().map(([id, fields]) => {
      const message = JSON.parse(`{${fields[1] ?? ''}}`) as Omit<ChatMessage, 'id' | 'sentAt'>;
      return { id, sentAt: Number.parseInt(id, 10), ...message };
    });
  }

  /**
   * Logs a gift event.
   *
   * @param recipient - the only user who sees it; null for everybody
   * @throws AppError ROOM_NOT_FOUND when the room is not open
   */
  async announceGift(roomId: RoomId, recipient: UserId | null, event: string): Promise<void> {
    await this.#change('announce-gift', roomId, [recipient ?? '-', event]);
  }

  async #change(script: string, roomId: RoomId, args: readonly (string | number)[]): Promise<ScriptReply[]> {
    const [code, ...results] = await this.#scripts.runInRoom(script, roomId, args);
    if (code === 'OK') return results;
    if (typeof code === 'string' && code in errorTable) throw new AppError(code as AppCode);
    throw new Error(`Redis script ${script} answered the unknown code ${String(code)}`);
  }
}

/** JSON of an object without its braces, so that a script can put more fields beside these without parsing. */
function jsonFields(fields: Record<string, unknown>): string {
  return JSON.stringify(fields).slice(1, -1);
}

function profileFields({ id, name, avatar }: UserProfile): string {
  return jsonFields({ userId: id, name, avatar });
}

function toParticipant(profile: string, joinedAt: number, connected: boolean): Participant {
  return { ...(JSON.parse(`{${profile}}`) as Omit<Participant, 'joinedAt' | 'connected'>), joinedAt, connected };
}

/** Takes the answer of includes/snapshot.lua apart. */
function toSnapshot(roomId: RoomId, reply: ScriptReply | undefined): RoomSnapshot {
  if (!Array.isArray(reply)) throw new Error('A room script answered no snapshot');
  const [cursor, state, seats, producers, members, count] = reply;
  const fields = new Map(pairs(state));
  const seated = new Map(pairs(seats).map(([seat, userId]) => [Number(seat), Number(userId) as UserId]));
  return {
    roomId,
    title: fields.get('title') ?? '',
    ownerId: Number(fields.get('ownerId')) as UserId,
    seats: Array.from({ length: Number(fields.get('seatCount')) }, (_, index) => ({
      index,
      userId: seated.get(index) ?? null,
    })),
    participants: groups(members, 4).map(([, profile = '', joinedAt, away]) =>
      toParticipant(profile, Number(joinedAt), away === '0'),
    ),
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
    cursor: String(cursor) as EventId,
  };
}

function pairs(reply: ScriptReply | undefined): [string, string][] {
  return groups(reply, 2).map(([first = '', second = '']) => [first, second]);
}

function groups(reply: ScriptReply | undefined, size: number): string[][] {
  const flat = Array.isArray(reply) ? reply.map(String) : [];
  return Array.from({ length: flat.length / size }, (_, index) => flat.slice(index * size, (index + 1) * size));
}
