import type { RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { type LaravelClient, LaravelRefusedError, type RoomStatus } from './laravel.ts';
import type { NodeRooms } from './nodes.ts';
import type { RoomStore } from './room-store.ts';

/** Least time between two calls for one room, ms: a join storm must not become a call storm. */
const intervalMs = 3_000;
const longestRetryMs = 60_000;

/** Refusals that end when somebody has put the key, the access or the load right: 401, 403, 408, 429 (RFC 9110). */
const repairable: ReadonlySet<number> = new Set([401, 403, 408, 429]);

interface PendingReport {
  /** When the room closed, as far as this node has seen it. */
  closedAt: Date | null;
  dirty: boolean;
  timer: NodeJS.Timeout | null;
  failures: number;
}

/**
 * Tells Laravel whether a room is live and how many are in it: at most one call a room and node every 3 s, one at a time,
 * always ending on the truth. Values are absolute, read from Redis when the call is made and once more when it was
 * answered: of two nodes that report one room, whichever call arrives last, its node finds what it said outdated and says
 * it again. A node that dies before that is replaced by whoever takes over its rooms.
 */
export class RoomStatusReporter {
  readonly #laravel: LaravelClient;
  readonly #store: RoomStore;
  readonly #nodeRooms: NodeRooms;
  readonly #logger: Logger;
  readonly #reports = new Map<RoomId, PendingReport>();
  readonly #underWay = new Set<Promise<void>>();
  #stopped = false;

  constructor(
    laravel: LaravelClient,
    use: { readonly store: RoomStore; readonly nodeRooms: NodeRooms; readonly logger: Logger },
  ) {
    this.#laravel = laravel;
    this.#store = use.store;
    this.#nodeRooms = use.nodeRooms;
    this.#logger = use.logger;
  }

  /** Says that a room opened, that its count changed, or that nobody knows what Laravel was told last. */
  changed(roomId: RoomId): void {
    this.#note(roomId, null);
  }

  /** Says that a room has closed. */
  closed(roomId: RoomId, closedAt = new Date()): void {
    this.#note(roomId, closedAt);
  }

  /** Takes up the ends of rooms that other nodes, or this one in an earlier life, have not reported. */
  async resume(): Promise<void> {
    for (const { roomId, closedAt } of await this.#nodeRooms.listUnreported()) this.closed(roomId, closedAt);
  }

  /** Makes the calls that are still owed, once each, and stops. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const [roomId, report] of this.#reports) {
      if (report.timer !== null) clearTimeout(report.timer);
      report.timer = null;
      if (report.dirty) this.#start(roomId, report);
    }
    await Promise.all(this.#underWay);
  }

  #note(roomId: RoomId, closedAt: Date | null): void {
    const known = this.#reports.get(roomId);
    const report = known ?? { closedAt, dirty: true, timer: null, failures: 0 };
    if (closedAt !== null) report.closedAt = closedAt;
    report.dirty = true;
    if (known !== undefined) return;
    this.#reports.set(roomId, report);
    this.#start(roomId, report);
  }

  #start(roomId: RoomId, report: PendingReport): void {
    const sending = this.#send(roomId, report).finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  async #send(roomId: RoomId, report: PendingReport): Promise<void> {
    report.dirty = false;
    try {
      await this.#report(roomId, report);
      report.failures = 0;
    } catch (error) {
      this.#logger.warn({ err: error, roomId }, 'A room status could not be reported');
      report.dirty = true;
      report.failures += 1;
    }
    if (this.#stopped) return;
    const waitMs = Math.min(intervalMs * 2 ** report.failures, longestRetryMs);
    report.timer = setTimeout(() => {
      report.timer = null;
      if (report.dirty) this.#start(roomId, report);
      else this.#reports.delete(roomId);
    }, waitMs);
  }

  /** One call, unless there is nothing to say. */
  async #report(roomId: RoomId, report: PendingReport): Promise<void> {
    const { closedAt } = report;
    if (closedAt !== null) await this.#nodeRooms.noteUnreported(roomId, closedAt);
    const participantCount = await this.#store.countIfOpen(roomId);
    if (participantCount !== null) {
      await this.#tell(roomId, { isLive: true, participantCount, closedAt: null });
    } else if (closedAt !== null) {
      await this.#tell(roomId, { isLive: false, participantCount: 0, closedAt });
    } else {
      // Another node has closed it, and says so.
      return;
    }
    if (report.closedAt === closedAt) report.closedAt = null;
    if (closedAt !== null) await this.#nodeRooms.noteReported(roomId);
    // A change that this call did not have may have been told by another node before this call arrived.
    const countNow = await this.#store.countIfOpen(roomId);
    if (countNow === participantCount) return;
    report.dirty = true;
    if (countNow === null) report.closedAt ??= new Date();
  }

  /** @throws LaravelUnavailableError, or LaravelRefusedError with a status of {@link repairable}, when it has to be repeated */
  async #tell(roomId: RoomId, status: RoomStatus): Promise<void> {
    try {
      await this.#laravel.reportRoomStatus(roomId, status);
    } catch (error) {
      if (!(error instanceof LaravelRefusedError) || repairable.has(error.status)) throw error;
      // Will not change by repetition; the next change of the room is reported all the same.
      this.#logger.warn({ err: error, roomId }, 'Laravel refused a room status');
    }
  }
}
