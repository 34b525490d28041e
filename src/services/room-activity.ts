import type { MemberQuality, ReactionCount, ReactionKind, RoomActivity, SpeakerLevel } from '../core/events.ts';
import type { UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { ByteSink } from './byte-sink.ts';
import type { RoomFeed } from './room-feed.ts';
import type { WireFormat } from './wire-format.ts';

/** Least time between two counts of one room, ms. */
const countIntervalMs = 1_000;
/** Reactions of all nodes within this time are delivered together, ms. */
const reactionsIntervalMs = 250;
/** A client with more than this unread is skipped: the next state is newer anyway, bytes. */
const skipAboveBytes = 32 * 1024;

/** A subscription to a room's activity. */
export interface ActivityWatcher {
  readonly sink: ByteSink;
  /** The client's id of the subscription, as JSON text. */
  readonly requestId: string;
}

export interface RoomActivityOptions {
  readonly feed: RoomFeed;
  readonly wire: WireFormat;
  readonly countMembers: () => Promise<number>;
  /** Called when the first watcher comes and when the last one has gone. */
  readonly onWatched: (watched: boolean) => void;
  readonly logger: Logger;
}

/**
 * Who is audible in a room, who is forwarded, how well they are connected, how many are there and how they react, written
 * to every watching socket: the newest state only, at most as often as levels are observed. Encoded once, and once more
 * for those who are to learn of qualities while others know them.
 */
export class RoomActivityBroadcast {
  readonly #options: RoomActivityOptions;
  readonly #watchers = new Set<ActivityWatcher>();
  readonly #stopListening: (() => void)[];
  #levels: readonly SpeakerLevel[] = [];
  #forwarded: readonly UserId[] = [];
  #qualities: readonly MemberQuality[] = [];
  /** Watchers who have not been written the newest qualities: they change rarely, so they are not part of each state. */
  readonly #unaware = new Set<ActivityWatcher>();
  /** Null until it has been counted once; nothing is written before. */
  #participantCount: number | null = null;
  #counts = false;
  /** Since the last delivery. */
  readonly #reactions = new Map<ReactionKind, number>();
  #reactionsTimer: NodeJS.Timeout | null = null;
  #countTimer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: RoomActivityOptions) {
    this.#options = options;
    const recount = (): void => {
      if (this.#counts) this.#countSoon(countIntervalMs);
    };
    this.#stopListening = [
      options.feed.on('entry', ({ topic }) => {
        if (topic === 'room') recount();
      }),
      options.feed.on('gap', recount),
    ];
  }

  /** Whether anybody watches. */
  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Writes the state now and each newer one until {@link unwatch}. */
  watch(watcher: ActivityWatcher): void {
    this.#watchers.add(watcher);
    if (this.#watchers.size === 1) this.#options.onWatched(true);
    const activity = this.#activity();
    if (activity !== null) {
      const full = { ...activity, reactions: [], quality: this.#qualities };
      watcher.sink.write(this.#options.wire.activity(full).for(watcher.requestId));
    } else {
      this.#unaware.add(watcher);
    }
    // Not before somebody asks: the first member is not counted until its join is done.
    if (!this.#counts) {
      this.#counts = true;
      void this.#count();
    }
  }

  /** Again without effect. */
  unwatch(watcher: ActivityWatcher): void {
    this.#unaware.delete(watcher);
    if (this.#watchers.delete(watcher) && !this.watched && !this.#closed) {
      this.#qualities = [];
      this.#options.onWatched(false);
    }
  }

  /** Takes the observer's newest levels, loudest first. */
  setLevels(levels: readonly SpeakerLevel[]): void {
    this.#levels = levels;
    this.#publish();
  }

  /** Takes whose voices are forwarded now. */
  setForwarded(userIds: readonly UserId[]): void {
    this.#forwarded = userIds;
    this.#publish();
  }

  /** Takes how well those who send are connected. */
  setQualities(qualities: readonly MemberQuality[]): void {
    if (qualities.length === 0 && this.#qualities.length === 0) return;
    this.#qualities = qualities;
    for (const watcher of this.#watchers) this.#unaware.add(watcher);
    this.#publish();
  }

  /** Takes reactions that have been made, on whatever node. */
  addReactions(reactions: readonly ReactionCount[]): void {
    if (this.#watchers.size === 0) return;
    for (const { kind, count } of reactions) this.#reactions.set(kind, (this.#reactions.get(kind) ?? 0) + count);
    this.#reactionsTimer ??= setTimeout(() => this.#publish(), reactionsIntervalMs);
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stopListening) stop();
    this.#stopReactionsTimer();
    if (this.#countTimer !== null) clearTimeout(this.#countTimer);
    this.#watchers.clear();
    this.#unaware.clear();
  }

  #activity(): RoomActivity | null {
    if (this.#participantCount === null) return null;
    return {
      levels: this.#levels,
      forwarded: this.#forwarded,
      participantCount: this.#participantCount,
      reactions: [...this.#reactions].map(([kind, count]) => ({ kind, count })),
    };
  }

  #stopReactionsTimer(): void {
    if (this.#reactionsTimer !== null) clearTimeout(this.#reactionsTimer);
    this.#reactionsTimer = null;
  }

  #publish(): void {
    this.#stopReactionsTimer();
    const activity = this.#activity();
    this.#reactions.clear();
    if (activity === null) return;
    const { wire } = this.#options;
    const shared = wire.activity(activity);
    const full = this.#unaware.size > 0 ? wire.activity({ ...activity, quality: this.#qualities }) : shared;
    for (const watcher of this.#watchers) {
      const { sink, requestId } = watcher;
      if (!sink.writable || sink.bufferedBytes >= skipAboveBytes) continue;
      sink.write((this.#unaware.delete(watcher) ? full : shared).for(requestId));
    }
  }

  #countSoon(inMs: number): void {
    this.#countTimer ??= setTimeout(() => {
      this.#countTimer = null;
      void this.#count();
    }, inMs);
  }

  async #count(): Promise<void> {
    const { countMembers, logger, feed } = this.#options;
    try {
      const participantCount = await countMembers();
      if (this.#closed || participantCount === this.#participantCount) return;
      this.#participantCount = participantCount;
      this.#publish();
    } catch (error) {
      logger.warn({ err: error, roomId: feed.roomId }, 'A room could not be counted; trying again');
      if (!this.#closed) this.#countSoon(countIntervalMs);
    }
  }
}
