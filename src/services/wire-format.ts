import type { RoomActivity } from '../core/events.ts';
import type { LoggedEvent } from './room-feed.ts';

/** How events are written for one subscription, so that fan-out knows nothing of the protocol. */
export interface WireFormat {
  /**
   * Messages for events, one each, in order, as one piece of bytes.
   *
   * @param requestId - the client's id of its subscription, as JSON text
   */
  events(requestId: string, entries: readonly Pick<LoggedEvent, 'id' | 'json'>[]): Uint8Array;
  /** The message for a room's activity. */
  activity(requestId: string, activity: RoomActivity): Uint8Array;
}

/**
 * Bytes that are made at most once for each request id. Clients of one kind number their subscriptions alike, so a room
 * of thousands needs few pieces.
 */
export class SharedBytes {
  readonly #make: (requestId: string) => Uint8Array;
  readonly #made = new Map<string, Uint8Array>();

  constructor(make: (requestId: string) => Uint8Array) {
    this.#make = make;
  }

  for(requestId: string): Uint8Array {
    const known = this.#made.get(requestId);
    if (known !== undefined) return known;
    const bytes = this.#make(requestId);
    this.#made.set(requestId, bytes);
    return bytes;
  }
}
