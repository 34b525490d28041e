import type { Redis } from 'ioredis';
import {
  type ConnectionId,
  type EventId,
  type NodeId,
  type ParticipantCursor,
  participantCursorSchema,
  type RoomId,
  type SessionId,
  type UserId,
} from '../core/ids.ts';
import type { Participant, RoomDescription, RoomRole, RoomSnapshot, UserProfile } from '../core/model.ts';
import { joinArrivalsKey, roleChangeKey, roomRosterKey, roomStateKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';
import { jsonFields, snapshotPageSize, toParticipants, toSnapshot } from './room-snapshot.ts';

/** Who calls, as the scripts check it. */
export interface MemberKey {
  readonly roomId: RoomId;
  readonly userId: UserId;
  readonly sessionId: SessionId;
}

export interface JoinRequest {
  readonly room: RoomDescription;
  readonly user: UserProfile;
  /** Null when it is not known now: a member keeps the one it has. */
  readonly role: RoomRole | null;
  /** For a new session. */
  readonly newSessionId: SessionId;
  readonly continuedSessionId: SessionId | null;
  /** From {@link RoomStore.numberArrival}. */
  readonly arrival: number;
  readonly connectionId: ConnectionId;
  readonly nodeId: NodeId;
  readonly maxMembers: number;
  /** Members above which a room is not told of each listener who comes or goes. */
  readonly quietAbove: number;
}

/**
 * How long a changed role goes before what joins have looked up, ms: as long as a join can take that asked Laravel before
 * the change.
 */
const roleHeededMs = 30_000;

/** What {@link RoomStore.tend} did and when it is wanted again. */
export interface TendResult {
  readonly members: number;
  readonly removed: number;
  readonly closed: boolean;
  /** ms; null when nothing is due. */
  readonly dueInMs: number | null;
}

/** Where a user stands in a room. */
export interface Standing {
  /** Null when the user is no member. */
  readonly sessionId: SessionId | null;
  readonly banned: boolean;
  readonly seated: boolean;
  readonly mutedByHost: boolean;
}

/** Where users stood at one moment. */
export interface Standings {
  /** Whether the room was open. */
  readonly open: boolean;
  /** Position of the log that this was the state at. */
  readonly cursor: EventId;
  readonly of: ReadonlyMap<UserId, Standing>;
}

/**
 * Rooms and their members in Redis, the single source of truth. Every change is one atomic script that also logs its
 * events. Each method costs one round trip. Seats, producers, chat and moderation have stores of their own.
 */
export class RoomStore {
  readonly #redis: Redis;
  readonly #scripts: Scripts;

  constructor(redis: Redis, scripts: Scripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /** A number for a join at its arrival, higher than those of all before it on any node. */
  numberArrival(): Promise<number> {
    return this.#redis.incr(joinArrivalsKey);
  }

  /** @throws AppError ROOM_FULL, BANNED; SESSION_REPLACED also when a join that arrived later was faster */
  async join(request: JoinRequest): Promise<{
    sessionId: SessionId;
    resumed: boolean;
    /** True when this call opened the room. */
    opened: boolean;
    snapshot: RoomSnapshot;
  }> {
    const { room, user, role } = request;
    const [sessionId, resumed, opened, snapshot] = await this.#scripts.change(
      'join-room',
      room.id,
      [
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
        room.seatMode,
        role ?? '',
        snapshotPageSize,
        request.quietAbove,
        request.arrival,
      ],
      [roleChangeKey(room.id, user.id)],
    );
    return {
      sessionId: sessionId as SessionId,
      resumed: resumed === 1,
      opened: opened === 1,
      snapshot: toSnapshot(room.id, snapshot),
    };
  }

  /** @throws AppError NOT_IN_ROOM when the session is over already */
  async leave({ roomId, userId, sessionId }: MemberKey): Promise<{ members: number }> {
    const [members] = await this.#scripts.change('leave-room', roomId, [userId, sessionId]);
    return { members: Number(members) };
  }

  /** Changes the role of a user; a join that is under way with the role of before gets this one. */
  async setRole(roomId: RoomId, userId: UserId, role: RoomRole): Promise<void> {
    await this.#scripts.change('set-role', roomId, [userId, role, roleHeededMs], [roleChangeKey(roomId, userId)]);
  }

  /** Who owns an open room as its members know it; null for a room that is not open. */
  async ownerOf(roomId: RoomId): Promise<UserId | null> {
    const ownerId = await this.#redis.hget(roomStateKey(roomId), 'ownerId');
    return ownerId === null ? null : (Number(ownerId) as UserId);
  }

  /**
   * Makes an open room what Laravel says it is now: title, owner, and without whoever is blocked.
   *
   * @param previous - the owner of before, and that one's role now
   * @throws AppError ROOM_NOT_FOUND when it is not open; SERVICE_UNAVAILABLE when the owner is another than `previous` by now
   */
  async update(
    { id, title, ownerId, blockedUserIds }: RoomDescription,
    previous: { readonly ownerId: UserId; readonly role: RoomRole },
  ): Promise<{ removed: number; members: number }> {
    const [removed, members] = await this.#scripts.change(
      'update-room',
      id,
      [title, JSON.stringify(title), ownerId, previous.ownerId, previous.role, roleHeededMs, ...blockedUserIds],
      [roleChangeKey(id, previous.ownerId), roleChangeKey(id, ownerId)],
    );
    return { removed: Number(removed), members: Number(members) };
  }

  /** @throws AppError NOT_IN_ROOM when another connection has continued the session */
  async loseConnection(member: MemberKey, connectionId: ConnectionId, graceMs: number): Promise<void> {
    await this.#scripts.change('lose-connection', member.roomId, [
      member.userId,
      member.sessionId,
      connectionId,
      graceMs,
    ]);
  }

  /** Marks the members of a dead node as away and drops its producers. */
  async loseNode(roomId: RoomId, nodeId: NodeId, graceMs: number): Promise<void> {
    await this.#scripts.change('lose-node', roomId, [nodeId, graceMs]);
  }

  /**
   * Tells the members that transports on these routers are gone and others can be made.
   *
   * @throws AppError ROOM_NOT_FOUND
   */
  async announceRoutersReplaced(roomId: RoomId, routerIds: readonly string[]): Promise<void> {
    await this.#scripts.change('replace-routers', roomId, [JSON.stringify(routerIds)]);
  }

  /** Removes members whose grace period is over and closes the room when it has been empty for `idleMs`. */
  async tend(roomId: RoomId, idleMs: number): Promise<TendResult> {
    const [members, removed, closed, dueInMs] = (await this.#scripts.change('tend-room', roomId, [idleMs])).map(Number);
    return {
      members: members ?? 0,
      removed: removed ?? 0,
      closed: closed === 1,
      dueInMs: dueInMs === undefined || dueInMs < 0 ? null : dueInMs,
    };
  }

  /**
   * @param reader - who asks; null for the server itself and operators
   * @throws AppError ROOM_NOT_FOUND when the room is not open; BANNED
   */
  async read(roomId: RoomId, reader: UserId | null = null): Promise<RoomSnapshot> {
    const [snapshot] = await this.#scripts.change('read-room', roomId, [snapshotPageSize, reader ?? '-']);
    return toSnapshot(roomId, snapshot);
  }

  /** What a node asks that may have missed what became of its members. */
  async readStandings(roomId: RoomId, userIds: readonly UserId[]): Promise<Standings> {
    const [open, cursor, listed] = await this.#scripts.change('read-standings', roomId, [...userIds]);
    const fields = Array.isArray(listed) ? listed : [];
    const standings = userIds.map((userId, index): [UserId, Standing] => {
      const [sessionId, banned, seated, muted] = fields.slice(index * 4, index * 4 + 4);
      return [
        userId,
        {
          sessionId: sessionId === '' ? null : (String(sessionId) as SessionId),
          banned: banned === 1,
          seated: seated === 1,
          mutedByHost: muted === 1,
        },
      ];
    });
    return { open: open === 1, cursor: String(cursor) as EventId, of: new Map(standings) };
  }

  /** Number of members, those within their grace period included; 0 for a room that is not open. */
  async countMembers(roomId: RoomId): Promise<number> {
    return this.#redis.zcard(roomRosterKey(roomId));
  }

  /** Number of members of an open room, which can be 0; null for a room that is not open. */
  async countIfOpen(roomId: RoomId): Promise<number | null> {
    const [open, count] = await Promise.all([this.#redis.exists(roomStateKey(roomId)), this.countMembers(roomId)]);
    return open === 1 ? count : null;
  }

  async isMember(roomId: RoomId, userId: UserId): Promise<boolean> {
    return (await this.#redis.zscore(roomRosterKey(roomId), String(userId))) !== null;
  }

  /**
   * Members by time of joining, a page of them. One round trip.
   *
   * @param cursor - go on after this position; null to begin
   * @returns `nextCursor` is null at the end
   */
  async listParticipants(
    roomId: RoomId,
    cursor: ParticipantCursor | null,
    limit: number,
  ): Promise<{ participants: Participant[]; nextCursor: ParticipantCursor | null }> {
    const [joinedAt = '-inf', userId = ''] = cursor?.split('-') ?? [];
    const [members] = await this.#scripts.change('list-members', roomId, [joinedAt, userId, limit]);
    const participants = toParticipants(members);
    const last = participants.at(-1);
    const isWhole = last !== undefined && participants.length === limit;
    const nextCursor = isWhole ? participantCursorSchema.parse(`${last.joinedAt}-${last.userId}`) : null;
    return { participants, nextCursor };
  }

  /** Titles and counts of open rooms; a room that is not open is left out. */
  async listRooms(roomIds: readonly RoomId[]): Promise<{ roomId: RoomId; participantCount: number }[]> {
    const counts = await Promise.all(roomIds.map((roomId) => this.countIfOpen(roomId)));
    return roomIds.flatMap((roomId, index) => {
      const participantCount = counts[index] ?? null;
      return participantCount === null ? [] : [{ roomId, participantCount }];
    });
  }

  /**
   * Logs a gift event.
   *
   * @param recipient - the only user who sees it; null for everybody
   * @throws AppError ROOM_NOT_FOUND when the room is not open
   */
  async announceGift(roomId: RoomId, recipient: UserId | null, event: string): Promise<void> {
    await this.#scripts.change('announce-gift', roomId, [recipient ?? '-', event]);
  }
}

function profileFields({ id, name, avatar }: UserProfile): string {
  return jsonFields({ userId: id, name, avatar });
}
