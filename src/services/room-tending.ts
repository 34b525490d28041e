import type { RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { NodeRooms } from './nodes.ts';
import type { RoomStatusReporter } from './room-status.ts';
import type { RoomStore } from './room-store.ts';

/** Added to every wait, so that what is due is due when Redis is asked, ms. */
const marginMs = 10;
/** Wait before Redis is asked again after it failed, ms. */
const retryMs = 1_000;

/**
 * Does what time brings: members leave when their grace period is over, empty rooms close. One timer a room, set by
 * whichever node made something due; the script sees to it that each thing is done once.
 */
export class RoomTending {
  readonly #store: RoomStore;
  readonly #status: RoomStatusReporter;
  readonly #nodeRooms: NodeRooms;
  readonly #idleMs: number;
  readonly #logger: Logger;
  readonly #timers = new Map<RoomId, { readonly timer: NodeJS.Timeout; readonly dueAt: number }>();
  #stopped = false;

  constructor(
    { idleMs }: { readonly idleMs: number },
    use: {
      readonly store: RoomStore;
      readonly status: RoomStatusReporter;
      readonly nodeRooms: NodeRooms;
      readonly logger: Logger;
    },
  ) {
    this.#idleMs = idleMs;
    this.#store = use.store;
    this.#status = use.status;
    this.#nodeRooms = use.nodeRooms;
    this.#logger = use.logger;
  }

  /** Sees to a room in `inMs`, or sooner if something is due sooner. */
  schedule(roomId: RoomId, inMs: number): void {
    if (this.#stopped) return;
    const dueAt = performance.now() + inMs + marginMs;
    const known = this.#timers.get(roomId);
    if (known !== undefined && known.dueAt <= dueAt) return;
    if (known !== undefined) clearTimeout(known.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(roomId);
      void this.#tend(roomId);
    }, inMs + marginMs);
    this.#timers.set(roomId, { timer, dueAt });
  }

  stop(): void {
    this.#stopped = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  async #tend(roomId: RoomId): Promise<void> {
    try {
      const { removed, closed, dueInMs } = await this.#store.tend(roomId, this.#idleMs);
      if (closed) {
        this.#logger.info({ roomId }, 'Room closed: it was empty for its idle time');
        this.#status.closed(roomId);
        await this.#nodeRooms.remove(roomId);
      } else if (removed > 0) {
        this.#status.changed(roomId);
      }
      if (dueInMs !== null) this.schedule(roomId, dueInMs);
    } catch (error) {
      this.#logger.warn({ err: error, roomId }, 'A room could not be tended; trying again');
      this.schedule(roomId, retryMs);
    }
  }
}
