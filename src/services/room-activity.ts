import type { RoomActivity } from '../core/events.ts';
import type { Logger } from '../core/logger.ts';
import { ConflatedValue } from './conflated-value.ts';
import type { LocalRoom } from './local-room.ts';
import type { RoomStore } from './room-store.ts';

/** Least time between two counts of one room, ms. */
const countIntervalMs = 1_000;

/** The newest levels and count of each room that somebody here watches; counted once a room, however many watch. */
export class RoomActivityWatch {
  readonly #store: RoomStore;
  readonly #logger: Logger;
  readonly #counts = new WeakMap<LocalRoom, MemberCount>();

  constructor(store: RoomStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Delivers the state now and then each newer one; states that pass while the receiver is busy are skipped. */
  async *follow(room: LocalRoom, signal: AbortSignal): AsyncGenerator<RoomActivity, void> {
    const count = this.#countOf(room);
    let wake: (() => void) | null = null;
    let changed = true;
    const onChange = (): void => {
      changed = true;
      wake?.();
    };
    const stops = [room.levels.listen(onChange), count.watch(onChange)];
    signal.addEventListener('abort', onChange, { once: true });
    try {
      await count.known;
      while (!signal.aborted) {
        if (changed) {
          changed = false;
          yield { levels: room.levels.value, participantCount: count.value };
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      for (const stop of stops) stop();
      signal.removeEventListener('abort', onChange);
    }
  }

  #countOf(room: LocalRoom): MemberCount {
    const count =
      this.#counts.get(room) ?? new MemberCount(room, () => this.#store.countMembers(room.roomId), this.#logger);
    this.#counts.set(room, count);
    return count;
  }
}

/** A room's number of members, read again after joins and leaves while anybody watches. */
class MemberCount {
  readonly #room: LocalRoom;
  readonly #read: () => Promise<number>;
  readonly #logger: Logger;
  readonly #count = new ConflatedValue(0);
  #watchers = 0;
  #stopListening: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #known: Promise<void> = Promise.resolve();

  constructor(room: LocalRoom, read: () => Promise<number>, logger: Logger) {
    this.#room = room;
    this.#read = read;
    this.#logger = logger;
  }

  get value(): number {
    return this.#count.value;
  }

  /** Resolves once the first count after the first watcher came is there. */
  get known(): Promise<void> {
    return this.#known;
  }

  watch(listener: () => void): () => void {
    const stop = this.#count.listen(listener);
    this.#watchers += 1;
    if (this.#watchers === 1) {
      this.#stopListening = this.#room.feed.listen((entry) => {
        if (entry.topic === 'room') this.#refreshSoon();
      });
      this.#known = this.#refresh();
    }
    return () => {
      stop();
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      this.#stopListening?.();
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
    };
  }

  #refreshSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#refresh();
    }, countIntervalMs);
  }

  async #refresh(): Promise<void> {
    try {
      const value = await this.#read();
      if (value !== this.#count.value) this.#count.set(value);
    } catch (error) {
      this.#logger.warn({ err: error, roomId: this.#room.roomId }, 'A room could not be counted');
    }
  }
}
