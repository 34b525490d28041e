import type { LocalMember } from './local-room.ts';
import type { SeatStore } from './seat-store.ts';

/** Seats: where members speak from. One user has at most one seat; two callers never get the same one. */
export class Seats {
  readonly #store: SeatStore;

  constructor(store: SeatStore) {
    this.#store = store;
  }

  /**
   * @param seat - 0-based; null for the first free seat
   * @throws AppError SEAT_TAKEN, SEAT_NOT_FOUND, NO_FREE_SEAT, ALREADY_SEATED, NOT_IN_ROOM
   */
  async take(member: LocalMember, seat: number | null): Promise<{ seat: number }> {
    return this.#store.take(member, seat);
  }

  /** Becomes a listener again; what was produced from the seat is closed. @throws AppError NOT_SEATED, NOT_IN_ROOM */
  async leave(member: LocalMember): Promise<void> {
    await this.#store.leave(member);
  }
}
