import type { RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { LaravelClient, RoomStatus } from './laravel.ts';
import { LaravelRefusedError } from './laravel.ts';
import type { RoomStore } from './room-store.ts';

/** Least time between two calls for one room, ms: a join storm must not become a call storm. */
const intervalMs = 3_000;
const longestRetryMs = 60_000;

interface PendingReport {
  /** Set when the room has closed; otherwise the count is read when the call is made. */
  closedAt: Date | null;
  dirty: boolean;
  timer: NodeJS.Timeout | null;
  failures: number;
}

/**
 * Tells Laravel whether a room is live and how many are in it: at most one call a room every 3 s, one at a time, always
 * ending on the truth. Values are absolute and read when the call is made, so a repeated or late call does no harm.
 */
export class RoomStatusReporter {
  readonly #laravel: LaravelClient;
  readonly #store: RoomStore;
  readonly #logger: Logger;
  readonly #reports = new Map<RoomId, PendingReport>();
  readonly #underWay = new Set<Promise<void>>();
  #stopped = false;

  constructor(laravel: LaravelClient, store: RoomStore, logger: Logger) {
    this.#laravel = laravel;
    this.#store = store;
    this.#logger = logger;
  }

  /** Says that a room opened or its count changed. */
  changed(roomId: RoomId): void {
    this.#note(roomId, null);
  }

  /** Says that a room has closed. */
  closed(roomId: RoomId): void {
    this.#note(roomId, new Date());
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
    report.closedAt = closedAt;
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
      await this.#laravel.reportRoomStatus(roomId, await this.#truth(roomId, report.closedAt));
      report.failures = 0;
    } catch (error) {
      this.#logger.warn({ err: error, roomId }, 'A room status could not be reported');
      // A refusal will not change by repetition; the next change of the room is reported all the same.
      if (!(error instanceof LaravelRefusedError)) {
        report.dirty = true;
        report.failures += 1;
      }
    }
    if (this.#stopped) return;
    const waitMs = Math.min(intervalMs * 2 ** report.failures, longestRetryMs);
    report.timer = setTimeout(() => {
      report.timer = null;
      if (report.dirty) this.#start(roomId, report);
      else this.#reports.delete(roomId);
    }, waitMs);
  }

  async #truth(roomId: RoomId, closedAt: Date | null): Promise<RoomStatus> {
    if (closedAt !== null) return { isLive: false, participantCount: 0, closedAt };
    return { isLive: true, participantCount: await this.#store.countMembers(roomId), closedAt: null };
  }
}
