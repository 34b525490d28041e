import type { Redis } from 'ioredis';
import type { RoomId, UserId } from '../core/ids.ts';
import type { SeatMode } from '../core/model.ts';
import { type Actor, actorArguments } from './actor.ts';
import { roomMutedSpeakersKey, roomSeatsKey } from './redis/keys.ts';
import type { ScriptReply, Scripts } from './redis/scripts.ts';
import type { RoomTending } from './room-tending.ts';

/**
 * Seats: where members speak from. One user has at most one seat; two callers never get the same one. Each method is one
 * atomic script and one round trip. All but {@link speakerOf} throw AppError NOT_IN_ROOM when the caller's session is
 * over and NOT_ALLOWED when the caller's role does not do; whatever is so already is granted again.
 *
 * A seat is its 0-based index; null stands for the first one that is neither taken nor locked.
 */
export class Seats {
  readonly #invitationMs: number;
  readonly #redis: Redis;
  readonly #scripts: Scripts;
  readonly #tending: RoomTending;

  /** @param invitationMs - how long an invitation can be accepted */
  constructor(
    { invitationMs }: { readonly invitationMs: number },
    use: { readonly redis: Redis; readonly scripts: Scripts; readonly tending: RoomTending },
  ) {
    this.#invitationMs = invitationMs;
    this.#redis = use.redis;
    this.#scripts = use.scripts;
    this.#tending = use.tending;
  }

  /** Whether a user may speak: has a seat, and has not been muted by a host. */
  async speakerOf(roomId: RoomId, userId: UserId): Promise<{ isSeated: boolean; isMutedByHost: boolean }> {
    const [seated, muted] = await Promise.all([
      this.#redis.hvals(roomSeatsKey(roomId)),
      this.#redis.sismember(roomMutedSpeakersKey(roomId), userId),
    ]);
    return { isSeated: seated.includes(String(userId)), isMutedByHost: muted === 1 };
  }

  /** @throws AppError ALREADY_SEATED, SEAT_NEEDS_APPROVAL, SEAT_NOT_FOUND, SEAT_TAKEN, SEAT_LOCKED, NO_FREE_SEAT */
  async take(actor: Actor, seat: number | null): Promise<{ seat: number }> {
    const [taken] = await this.#change('take-seat', actor, seat ?? '');
    return { seat: Number(taken) };
  }

  /** Becomes a listener again; what was produced from the seat is closed. */
  async leave(actor: Actor): Promise<void> {
    await this.#change('leave-seat', actor);
  }

  /** @throws AppError NOT_SEATED, SEAT_NOT_FOUND, SEAT_TAKEN, SEAT_LOCKED */
  async move(actor: Actor, seat: number): Promise<void> {
    await this.#change('move-seat', actor, seat);
  }

  /** Raises the hand. @throws AppError ALREADY_SEATED */
  async request(actor: Actor): Promise<void> {
    await this.#change('request-seat', actor);
  }

  /** Takes the own hand down. */
  async cancel(actor: Actor): Promise<void> {
    await this.#change('cancel-seat-request', actor);
  }

  /**
   * Gives a raised hand a seat, a locked one if that is named.
   *
   * @throws AppError MEMBER_NOT_FOUND, REQUEST_NOT_FOUND, SEAT_NOT_FOUND, SEAT_TAKEN, NO_FREE_SEAT
   */
  async approve(actor: Actor, userId: UserId, seat: number | null): Promise<{ seat: number }> {
    const [taken] = await this.#change('approve-seat-request', actor, userId, seat ?? '');
    return { seat: Number(taken) };
  }

  /** @throws AppError MEMBER_NOT_FOUND; REQUEST_NOT_FOUND when the hand has got a seat meanwhile */
  async reject(actor: Actor, userId: UserId): Promise<void> {
    await this.#change('reject-seat-request', actor, userId);
  }

  /**
   * Invites a listener.
   *
   * @returns when the invitation ends, ms since the epoch
   * @throws AppError MEMBER_NOT_FOUND, ALREADY_SEATED, SEAT_NOT_FOUND, SEAT_TAKEN, NO_FREE_SEAT
   */
  async invite(actor: Actor, userId: UserId, seat: number | null): Promise<{ expiresAt: number }> {
    const [expiresAt] = await this.#change('invite-to-seat', actor, userId, seat ?? '', this.#invitationMs);
    this.#tending.schedule(actor.roomId, this.#invitationMs);
    return { expiresAt: Number(expiresAt) };
  }

  /** @throws AppError INVITATION_NOT_FOUND, SEAT_NOT_FOUND, SEAT_TAKEN, NO_FREE_SEAT */
  async accept(actor: Actor): Promise<{ seat: number }> {
    const [taken] = await this.#change('accept-seat-invitation', actor);
    return { seat: Number(taken) };
  }

  async decline(actor: Actor): Promise<void> {
    await this.#change('decline-seat-invitation', actor);
  }

  /** Locks or unlocks a seat; whoever is on it stays. @throws AppError SEAT_NOT_FOUND */
  async lock(actor: Actor, seat: number, locked: boolean): Promise<void> {
    await this.#change('lock-seat', actor, seat, locked ? 1 : 0);
  }

  /** Makes a speaker a listener. @throws AppError MEMBER_NOT_FOUND */
  async remove(actor: Actor, userId: UserId): Promise<void> {
    await this.#change('remove-from-seat', actor, userId);
  }

  /**
   * Takes a member's voice or gives it back, also to one who has left. It stays so over seats, sessions and absences, until
   * the room closes.
   *
   * @throws AppError MEMBER_NOT_FOUND when the voice is to be taken from somebody who is not in
   */
  async mute(actor: Actor, userId: UserId, muted: boolean): Promise<void> {
    await this.#change('mute-speaker', actor, userId, muted ? 1 : 0);
  }

  /** @param seatCount - 1-30; speakers on removed seats become listeners, which takes the caller to outrank them */
  async setCount(actor: Actor, seatCount: number): Promise<void> {
    await this.#change('set-seat-count', actor, seatCount);
  }

  async setMode(actor: Actor, seatMode: SeatMode): Promise<void> {
    await this.#change('set-seat-mode', actor, seatMode);
  }

  #change(script: string, actor: Actor, ...args: (string | number)[]): Promise<ScriptReply[]> {
    return this.#scripts.change(script, actor.roomId, [...actorArguments(actor), ...args]);
  }
}
