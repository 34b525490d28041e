import { v4 as uuidv4 } from 'uuid';
import { AppError } from '../core/errors.ts';
import type { NodeId, RoomId, SessionId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Membership, RoomDescription, RoomRole, RoomSnapshot } from '../core/model.ts';
import { closeCodes, type Connection } from './connections.ts';
import type { LocalMember, LocalRoom } from './local-room.ts';
import type { LocalRooms } from './local-rooms.ts';
import type { NodeRooms } from './nodes.ts';
import type { RoomDirectory } from './room-directory.ts';
import type { RoomStatusReporter } from './room-status.ts';
import type { RoomStore } from './room-store.ts';
import type { RoomTending } from './room-tending.ts';

export interface MembersOptions {
  readonly nodeId: NodeId;
  readonly maxClients: number;
  /** Members above which a room is not told of each listener who comes or goes. */
  readonly quietAbove: number;
  /** How long a member whose socket is lost is kept, ms. */
  readonly graceMs: number;
  /** How long an empty room stays open, ms. */
  readonly idleMs: number;
}

export interface MembersDependencies {
  readonly store: RoomStore;
  readonly directory: RoomDirectory;
  readonly rooms: LocalRooms;
  readonly nodeRooms: NodeRooms;
  readonly tending: RoomTending;
  readonly status: RoomStatusReporter;
  readonly logger: Logger;
}

/** What a join comes to. */
export interface Joined {
  readonly membership: Membership;
  readonly snapshot: RoomSnapshot;
  readonly room: LocalRoom;
}

/** Waits between attempts to tell Redis of a lost socket while Redis is away, ms. */
const retryMs = 1_000;

/** Joining, leaving, and what a lost socket means. */
export class Members {
  readonly #options: MembersOptions;
  readonly #use: MembersDependencies;
  #stopped = false;

  constructor(options: MembersOptions, dependencies: MembersDependencies) {
    this.#options = options;
    this.#use = dependencies;
  }

  /**
   * Makes the connection's user a member of a room, or continues a session after a lost socket. Four round trips to
   * Redis when the room is open on this node.
   *
   * However long it takes here, it does not win over a join of the same user that arrived after it, on whichever node: its
   * connection may have been lost and replaced long ago.
   *
   * @param continued - the session to continue; a session that is over begins anew
   * @throws AppError ROOM_NOT_FOUND, ROOM_FULL, BANNED, SESSION_REPLACED, ALREADY_IN_ANOTHER_ROOM, MEDIA_UNAVAILABLE, UPSTREAM_UNAVAILABLE
   */
  async join(connection: Connection, roomId: RoomId, continued: SessionId | null): Promise<Joined> {
    return connection.inTurn(() => this.#join(connection, roomId, continued));
  }

  async #join(connection: Connection, roomId: RoomId, continued: SessionId | null): Promise<Joined> {
    const { rooms, nodeRooms, store, status, logger } = this.#use;
    const current = connection.member;
    if (current !== null && current.roomId !== roomId) throw new AppError('ALREADY_IN_ANOTHER_ROOM');

    const { user } = connection.identity;
    const [arrival, { opus }] = await Promise.all([store.numberArrival(), this.#describe(roomId, user.id)]);
    const room = await rooms.hold(roomId, opus);
    let kept = false;
    try {
      const [role] = await Promise.all([this.#roleOf(roomId, user.id), nodeRooms.add(roomId)]);
      // From memory, unless Laravel has said meanwhile that the room is another now.
      const description = await this.#describe(roomId, user.id);
      const { sessionId, resumed, opened, snapshot } = await store.join({
        room: description,
        user,
        role,
        newSessionId: uuidv4() as SessionId,
        continuedSessionId: continued,
        arrival,
        connectionId: connection.id,
        nodeId: this.#options.nodeId,
        maxMembers: this.#options.maxClients,
        quietAbove: this.#options.quietAbove,
      });
      if (opened) logger.info({ roomId }, 'Room opened');
      status.changed(roomId);

      const known = room.member(sessionId);
      const addressChanged = known !== null && known.address !== connection.address;
      if (known !== null) {
        this.#attach(known, connection);
      } else {
        const member: LocalMember = {
          roomId,
          userId: user.id,
          sessionId,
          room,
          since: snapshot.cursor,
          subscriptions: new Set(),
          connection,
          address: connection.address,
        };
        connection.member = member;
        kept = true;
        room.add(member);
      }
      await nodeRooms.add(roomId).catch((error: unknown) => {
        logger.warn({ err: error, roomId }, 'A room could not be put on the list of open rooms again');
      });
      // The socket may have gone while Redis worked; its close found no membership to mark as lost.
      if (connection.closed.aborted) await this.connectionLost(connection);
      return { membership: { sessionId, resumed: resumed && known !== null, addressChanged }, snapshot, room };
    } catch (error) {
      // What stays on the list for want of Redis does no harm, and goes with the room's next end.
      if (error instanceof AppError) await nodeRooms.removeUnlessOpen(roomId).catch(() => undefined);
      throw error;
    } finally {
      if (!kept) rooms.release(roomId);
    }
  }

  /** Ends a membership at the member's wish. Everybody sees one `userLeft`. */
  async leave(member: LocalMember): Promise<void> {
    const { members } = await this.#use.store.leave(member);
    // At once, not only when the log says so: the next call may be the join of another room.
    const { connection } = member;
    member.connection = null;
    connection?.endMembership(member, 'NOT_IN_ROOM');
    this.#use.status.changed(member.roomId);
    if (members === 0) this.#use.tending.schedule(member.roomId, this.#options.idleMs);
  }

  /** Keeps the membership of a lost socket for the grace period; ends it when access was revoked. Never throws. */
  async connectionLost(connection: Connection): Promise<void> {
    const { member } = connection;
    if (member === null || this.#stopped) return;
    connection.member = null;
    if (member.connection === connection) member.connection = null;
    const { store, tending, logger } = this.#use;
    for (;;) {
      try {
        if (connection.revoked) return await this.leave(member);
        await store.loseConnection(member, connection.id, this.#options.graceMs);
        tending.schedule(member.roomId, this.#options.graceMs);
        return;
      } catch (error) {
        // Left, or continued over another connection meanwhile.
        if ((error instanceof AppError && !error.retryable) || this.#stopped) return;
        logger.warn({ err: error, roomId: member.roomId }, 'A lost socket could not be noted; trying again');
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref());
      }
    }
  }

  /** Stops retrying. Memberships stay in Redis for their grace period, so that a restart finds them. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws AppError as RoomDirectory.describe, and BANNED for whom the owner has blocked in Laravel */
  async #describe(roomId: RoomId, userId: UserId): Promise<RoomDescription> {
    const description = await this.#use.directory.describe(roomId);
    if (description.blockedUserIds.includes(userId)) throw new AppError('BANNED');
    return description;
  }

  /** @returns null when Laravel cannot tell, which must not keep anybody from joining */
  async #roleOf(roomId: RoomId, userId: UserId): Promise<RoomRole | null> {
    try {
      return await this.#use.directory.roleOf(roomId, userId);
    } catch (error) {
      this.#use.logger.warn({ err: error, roomId, userId }, 'A role could not be looked up; joining without one');
      return null;
    }
  }

  #attach(member: LocalMember, connection: Connection): void {
    const previous = member.connection;
    member.connection = connection;
    member.address = connection.address;
    connection.member = member;
    if (previous === null || previous === connection) return;
    previous.member = null;
    previous.close(closeCodes.superseded, 'The session goes on over a newer connection');
  }
}
