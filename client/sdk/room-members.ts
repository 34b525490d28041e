import type { Outputs } from './api.ts';
import type { LiveState } from './live-state.ts';
import type { Membership } from './membership.ts';
import { addParticipants, forgetListeners } from './room-state.ts';

type Cursor = NonNullable<Outputs['room']['participants']['nextCursor']>;

const pageSize = 100;
/** By how much the server's head count may lag behind its events, ms, with a good margin. */
const countLagMs = 5_000;

/** The list of a room's members, of which a big room's events and snapshot tell only a part. */
export class RoomMembers {
  readonly #membership: Membership;
  readonly #state: LiveState;
  readonly #onFailure: (error: unknown) => void;
  /** Where the next page begins, as the server has said; undefined: at the first one. */
  #cursor: Cursor | undefined;
  /** Counted by the server. */
  #count = 0;
  #recount: ReturnType<typeof setTimeout> | undefined;

  /** @param onFailure - told when the list could not be read anew, which nobody waits for */
  constructor(membership: Membership, state: LiveState, onFailure: (error: unknown) => void) {
    this.#membership = membership;
    this.#state = state;
    this.#onFailure = onFailure;
  }

  /** See `Room.loadMoreParticipants`. */
  async loadMore(): Promise<boolean> {
    const { roomId } = this.#membership;
    const known = this.#state.value.participants;
    // The first pages may hold nobody but those whom the snapshot or events have told of.
    for (;;) {
      const cursor = this.#cursor;
      const { participants, nextCursor } = await this.#membership.retry((api) =>
        api.room.participants.query({ roomId, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) }),
      );
      this.#state.update(addParticipants(this.#state.value, participants));
      // After the last page the cursor stays: whoever comes later is on that page.
      if (this.#cursor === cursor) this.#cursor = nextCursor ?? cursor;
      if (nextCursor === null) return false;
      if (participants.some(({ userId }) => !known.has(userId))) return true;
    }
  }

  /** A snapshot has taken the place of the list: reads it from the first page on. */
  restart(): void {
    this.#cursor = undefined;
  }

  /**
   * Takes the server's head count. If it stays below the number of known members, some have left unsaid, as listeners of
   * a big room do: they are forgotten, and whoever is here is read again.
   */
  observe(count: number): void {
    this.#count = count;
    if (this.#knowsTooMany) this.#recount ??= setTimeout(() => this.#forget(), countLagMs);
    else this.close();
  }

  close(): void {
    clearTimeout(this.#recount);
    this.#recount = undefined;
  }

  get #knowsTooMany(): boolean {
    return this.#state.value.participants.size > this.#count;
  }

  #forget(): void {
    this.#recount = undefined;
    if (!this.#knowsTooMany || this.#membership.status !== 'joined') return;
    this.#state.update(forgetListeners(this.#state.value, this.#count));
    this.restart();
    this.loadMore().catch(this.#onFailure);
  }
}
