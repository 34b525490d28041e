import type { RoomId } from '../core/ids.ts';
import type { FeedFilter, LoggedEvent } from './room-feed.ts';
import type { EncodedMessages, WireFormat } from './wire-format.ts';

/** Encoded pages kept; clients that were away together are within a few pages of each other. */
const keptPages = 8;

/**
 * Encodes what clients replay, once for all who want the same: those that were away together go through the log page by
 * page together, and would else each make the same hundreds of KiB of text and bytes.
 */
export class EncodedPages {
  readonly #wire: WireFormat;
  /** By room, topic and the first and last event; oldest first. */
  readonly #kept = new Map<string, EncodedMessages>();

  constructor(wire: WireFormat) {
    this.#wire = wire;
  }

  /** @param entries - all that a subscriber may see between the first and the last of them; at least one */
  encode(roomId: RoomId, { topic }: FeedFilter, entries: readonly LoggedEvent[]): EncodedMessages {
    // What one user alone may see is nobody else's page.
    if (entries.some(({ recipient }) => recipient !== null)) return this.#wire.events(entries);
    const key = `${roomId} ${topic} ${entries[0]?.id} ${entries.at(-1)?.id}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const encoded = this.#wire.events(entries);
    this.#kept.set(key, encoded);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptPages && oldest !== undefined) this.#kept.delete(oldest);
    return encoded;
  }
}
