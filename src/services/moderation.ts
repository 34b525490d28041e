import { AppError } from '../core/errors.ts';
import type { RoomId, UserId } from '../core/ids.ts';
import type { Ban, RoomRole } from '../core/model.ts';
import { type Actor, actorArguments } from './actor.ts';
import type { NodeRooms } from './nodes.ts';
import type { ScriptReply, Scripts } from './redis/scripts.ts';
import type { RoomDirectory } from './room-directory.ts';
import type { RoomStatusReporter } from './room-status.ts';
import type { RoomStore } from './room-store.ts';
import type { RoomTending } from './room-tending.ts';

/** How long the log of a closed room stays for nodes that are cut off from Redis, ms. */
const closedLogMs = 60_000;

export interface ModerationDependencies {
  readonly scripts: Scripts;
  readonly store: RoomStore;
  readonly directory: RoomDirectory;
  readonly nodeRooms: NodeRooms;
  readonly tending: RoomTending;
  readonly status: RoomStatusReporter;
}

/**
 * What hosts and operators do to keep order. Each change is one atomic script; the nodes that hold the member's socket and
 * media follow the log. All methods throw AppError NOT_IN_ROOM when the caller's session is over and NOT_ALLOWED when the
 * caller's role does not do.
 */
export class Moderation {
  readonly #idleMs: number;
  readonly #use: ModerationDependencies;

  /** @param idleMs - how long an empty room stays open */
  constructor({ idleMs }: { readonly idleMs: number }, dependencies: ModerationDependencies) {
    this.#idleMs = idleMs;
    this.#use = dependencies;
  }

  /** Ends somebody's membership, who may join again. @throws AppError MEMBER_NOT_FOUND */
  async kick(actor: Actor, userId: UserId): Promise<void> {
    const [members] = await this.#change('kick-member', actor, userId);
    this.#onRemoved(actor.roomId, Number(members));
  }

  /**
   * Keeps a user out from now on, whether or not in the room. Again, it changes until when and why; NOT_ALLOWED when the
   * owner or an operator has banned the user and the caller is not one.
   *
   * @param durationMs - null for good
   * @throws AppError UPSTREAM_UNAVAILABLE when the user is not in the room and Laravel does not tell the user's role;
   *   ROOM_NOT_FOUND when there is no such room
   */
  async ban(actor: Actor, userId: UserId, durationMs: number | null, reason: string | null): Promise<void> {
    const role = await this.#roleOf(actor.roomId, userId);
    const [removed, members] = await this.#change('ban-user', actor, userId, role, durationMs ?? 0, reason ?? '');
    if (removed === 1) this.#onRemoved(actor.roomId, Number(members));
  }

  /** Lifts a ban; NOT_ALLOWED as for {@link ban}. */
  async unban(actor: Actor, userId: UserId): Promise<void> {
    await this.#change('unban-user', actor, userId);
  }

  /**
   * The bans that hold, the newest first, a page of them.
   *
   * @returns `nextCursor` is null at the end
   */
  async bans(
    actor: Actor,
    { cursor, limit }: { readonly cursor: number; readonly limit: number },
  ): Promise<{ bans: Ban[]; nextCursor: number | null }> {
    const [listed] = await this.#change('list-bans', actor);
    const bans = toBans(listed).sort((a, b) => b.bannedAt - a.bannedAt || a.userId - b.userId);
    const end = cursor + limit;
    return { bans: bans.slice(cursor, end), nextCursor: end < bans.length ? end : null };
  }

  /**
   * Closes the room with whoever is in it.
   *
   * @param message - what the members are told
   * @throws AppError ROOM_NOT_FOUND when it is not open
   */
  async close(actor: Actor, message: string | null): Promise<void> {
    const { roomId } = actor;
    await this.#change('close-room', actor, JSON.stringify(message), closedLogMs);
    const { nodeRooms, status, directory } = this.#use;
    status.closed(roomId);
    // Laravel may take it off the list now.
    directory.forgetRoom(roomId);
    await nodeRooms.remove(roomId);
  }

  /**
   * Makes an open room what Laravel says it is now: title and owner, and without whoever is blocked there. The owner of
   * before gets the role that Laravel names now. Nothing for a room that is not open.
   *
   * @throws AppError ROOM_NOT_FOUND when Laravel does not have it any more; UPSTREAM_UNAVAILABLE; SERVICE_UNAVAILABLE
   *   while the same is done elsewhere. It can be done again then.
   */
  async update(roomId: RoomId): Promise<void> {
    const { store, directory } = this.#use;
    const ownerId = await store.ownerOf(roomId);
    if (ownerId === null) return;
    directory.forgetRoom(roomId);
    directory.forgetRole(roomId, ownerId);
    const description = await directory.describe(roomId);
    const role = await directory.roleOf(roomId, ownerId);
    const { removed, members } = await store.update(description, { ownerId, role });
    if (removed > 0) this.#onRemoved(roomId, members);
  }

  #onRemoved(roomId: RoomId, members: number): void {
    this.#use.status.changed(roomId);
    if (members === 0) this.#use.tending.schedule(roomId, this.#idleMs);
  }

  /** @returns as lua/ban-user takes it: '' when Laravel does not tell, '-' when it has no such room */
  async #roleOf(roomId: RoomId, userId: UserId): Promise<RoomRole | '' | '-'> {
    try {
      return await this.#use.directory.roleOf(roomId, userId);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return error.code === 'ROOM_NOT_FOUND' ? '-' : '';
    }
  }

  #change(script: string, actor: Actor, ...args: (string | number)[]): Promise<ScriptReply[]> {
    return this.#use.scripts.change(script, actor.roomId, [...actorArguments(actor), ...args]);
  }
}

/** @param listed - flat, five fields a ban, as lua/list-bans answers them */
function toBans(listed: ScriptReply | undefined): Ban[] {
  const fields = Array.isArray(listed) ? listed : [];
  return Array.from({ length: fields.length / 5 }, (_, index): Ban => {
    const [userId, bannedBy, bannedAt, until, reason] = fields.slice(index * 5, index * 5 + 5);
    return {
      userId: Number(userId) as UserId,
      bannedBy: bannedBy === '-' ? null : (Number(bannedBy) as UserId),
      bannedAt: Number(bannedAt),
      until: Number(until) === 0 ? null : Number(until),
      reason: reason === '' ? null : String(reason),
    };
  });
}
