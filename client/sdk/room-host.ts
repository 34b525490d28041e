import type { SeatMode } from '../../src/core/model.ts';
import type { Api, Outputs } from './api.ts';
import type { Membership } from './membership.ts';

export interface BanOptions {
  /** Left out: for good. */
  readonly durationSeconds?: number;
  /** Told to the user, and to the other hosts in the list of bans. */
  readonly reason?: string;
}

/**
 * What hosts can do. Each call is refused with `NOT_ALLOWED` when the role does not permit it (`isAllowed` tells
 * before), with `MEMBER_NOT_FOUND` when the member has gone, and is safe to repeat: what is so already is granted again.
 * The effect shows in the room's state by the event that everybody gets.
 */
export class RoomHost {
  readonly #membership: Membership;

  constructor(membership: Membership) {
    this.#membership = membership;
  }

  /**
   * Gives a seat to whoever raised a hand.
   *
   * @param seat - 0-based; left out: the first free one that is not locked
   * @throws {FlyLiveError} `REQUEST_NOT_FOUND`, `NO_FREE_SEAT` (the hand stays up), `SEAT_TAKEN`, ...
   */
  async approve(userId: number, seat?: number): Promise<void> {
    await this.#run((api, room) =>
      api.seat.approve.mutate({ ...room, userId, ...(seat === undefined ? {} : { seat }) }),
    );
  }

  /** Takes a raised hand down. @throws {FlyLiveError} `REQUEST_NOT_FOUND`, ... */
  async reject(userId: number): Promise<void> {
    await this.#run((api, room) => api.seat.reject.mutate({ ...room, userId }));
  }

  /**
   * Invites a listener to a seat; the invitation ends by itself after 30 s.
   *
   * @param seat - 0-based, which may be locked; left out: the first free one when the listener accepts
   */
  async invite(userId: number, seat?: number): Promise<void> {
    await this.#run((api, room) =>
      api.seat.invite.mutate({ ...room, userId, ...(seat === undefined ? {} : { seat }) }),
    );
  }

  /** Makes a speaker a listener. */
  async removeFromSeat(userId: number): Promise<void> {
    await this.#run((api, room) => api.seat.remove.mutate({ ...room, userId }));
  }

  /** Silences a speaker, who cannot lift that and keeps it on every seat until a host does. */
  async mute(userId: number): Promise<void> {
    await this.#run((api, room) => api.seat.mute.mutate({ ...room, userId }));
  }

  /** Lets a speaker be heard again. */
  async unmute(userId: number): Promise<void> {
    await this.#run((api, room) => api.seat.unmute.mutate({ ...room, userId }));
  }

  /** Locks a seat: nobody can take it, but whoever is invited to it. */
  async lockSeat(seat: number): Promise<void> {
    await this.#run((api, room) => api.seat.lock.mutate({ ...room, seat }));
  }

  async unlockSeat(seat: number): Promise<void> {
    await this.#run((api, room) => api.seat.unlock.mutate({ ...room, seat }));
  }

  /** Changes how many seats there are, 1 to 30; people on seats that go become listeners. */
  async setSeatCount(seatCount: number): Promise<void> {
    await this.#run((api, room) => api.seat.setCount.mutate({ ...room, seatCount }));
  }

  /** Says whether seats are free to take or given by hosts. */
  async setSeatMode(seatMode: SeatMode): Promise<void> {
    await this.#run((api, room) => api.seat.setMode.mutate({ ...room, seatMode }));
  }

  /** Takes a member's right to chat. */
  async muteChat(userId: number): Promise<void> {
    await this.#run((api, room) => api.chat.mute.mutate({ ...room, userId }));
  }

  async unmuteChat(userId: number): Promise<void> {
    await this.#run((api, room) => api.chat.unmute.mutate({ ...room, userId }));
  }

  /** Sets the least time between two messages of one member, seconds; 0 for none. */
  async setSlowMode(seconds: number): Promise<void> {
    await this.#run((api, room) => api.chat.setSlowMode.mutate({ ...room, seconds }));
  }

  /** Puts a member out, who may join again. */
  async kick(userId: number): Promise<void> {
    await this.#run((api, room) => api.room.kick.mutate({ ...room, userId }));
  }

  /** Puts a user out and refuses them until the ban ends. */
  async ban(userId: number, options: BanOptions = {}): Promise<void> {
    await this.#run((api, room) => api.room.ban.mutate({ ...room, userId, ...options }));
  }

  /** Ends a ban. */
  async unban(userId: number): Promise<void> {
    await this.#run((api, room) => api.room.unban.mutate({ ...room, userId }));
  }

  /** Who may not join, the newest ban first. @param cursor - where the page begins; the last answer's `nextCursor` */
  async bans(cursor = 0): Promise<Outputs['room']['bans']> {
    return this.#run((api, room) => api.room.bans.query({ ...room, cursor }));
  }

  /** Closes the room for everybody. @param reason - told to everybody */
  async closeRoom(reason?: string): Promise<void> {
    await this.#run((api, room) => api.room.close.mutate({ ...room, ...(reason === undefined ? {} : { reason }) }));
  }

  #run<T>(run: (api: Api, room: { readonly roomId: string }) => Promise<T>): Promise<T> {
    const { roomId } = this.#membership;
    return this.#membership.repeat((api) => run(api, { roomId }));
  }
}
