import type { Redis } from 'ioredis';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { type ReactionCount, type ReactionKind, reactionKinds } from '../core/events.ts';
import { type RoomId, roomIdSchema, type UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { reactionsChannel } from './redis/keys.ts';

/** Least time between two reactions of one user, ms. */
const pauseMs = 1_500;
/** Reactions of this time are announced together, ms. */
const intervalMs = 250;

const announcement = z.array(
  z.object({
    roomId: roomIdSchema,
    reactions: z.array(z.object({ kind: z.enum(reactionKinds), count: z.int().positive() })),
  }),
);

/** Where reactions are shown: the rooms of this process. */
export type ShowReactions = (roomId: RoomId, reactions: readonly ReactionCount[]) => void;

/**
 * Reactions on their way to everybody in the room. However many are made, a node publishes one message an interval, for
 * all its rooms; what is lost while Redis is away is lost.
 */
export class Reactions {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #show: ShowReactions;
  readonly #logger: Logger;
  readonly #pending = new Map<RoomId, Map<ReactionKind, number>>();
  /** When each user last reacted, the longest ago first. */
  readonly #reactedAt = new Map<UserId, number>();
  #timer: NodeJS.Timeout | null = null;

  /** @param subscriber - connection that is used for nothing but pub/sub */
  constructor(use: {
    readonly commands: Redis;
    readonly subscriber: Redis;
    readonly show: ShowReactions;
    readonly logger: Logger;
  }) {
    this.#commands = use.commands;
    this.#subscriber = use.subscriber;
    this.#show = use.show;
    this.#logger = use.logger;
  }

  /** Begins to listen to all nodes, this one included. @throws Error when Redis cannot be reached */
  async start(): Promise<void> {
    this.#subscriber.on('message', (channel: string, text: string) => {
      if (channel === reactionsChannel) this.#receive(text);
    });
    await this.#subscriber.subscribe(reactionsChannel);
  }

  /** Forgets what has not been announced. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pending.clear();
  }

  /**
   * Shows a reaction to a room, soon. Costs no round trip: a user is counted by the node that the user is connected to.
   *
   * @throws AppError RATE_LIMITED with the wait in ms
   */
  add(roomId: RoomId, userId: UserId, kind: ReactionKind): void {
    this.#take(userId);
    const counts = this.#pending.get(roomId) ?? new Map<ReactionKind, number>();
    this.#pending.set(roomId, counts.set(kind, (counts.get(kind) ?? 0) + 1));
    this.#timer ??= setTimeout(() => void this.#announce(), intervalMs);
  }

  #take(userId: UserId): void {
    const now = performance.now();
    const waitMs = (this.#reactedAt.get(userId) ?? -Infinity) + pauseMs - now;
    if (waitMs > 0) throw new AppError('RATE_LIMITED', { details: { retryAfterMs: Math.ceil(waitMs) } });
    this.#reactedAt.delete(userId);
    this.#reactedAt.set(userId, now);
    for (const [other, at] of this.#reactedAt) {
      if (now - at < pauseMs) break;
      this.#reactedAt.delete(other);
    }
  }

  async #announce(): Promise<void> {
    this.#timer = null;
    const rooms = [...this.#pending].map(([roomId, counts]) => ({ roomId, reactions: toList(counts) }));
    this.#pending.clear();
    try {
      await this.#commands.publish(reactionsChannel, JSON.stringify(rooms));
    } catch (error) {
      this.#logger.debug({ err: error }, 'Reactions could not be announced');
    }
  }

  #receive(text: string): void {
    try {
      for (const { roomId, reactions } of announcement.parse(JSON.parse(text))) this.#show(roomId, reactions);
    } catch (error) {
      this.#logger.warn({ err: error }, 'Reactions of another node do not fit their schema');
    }
  }
}

function toList(counts: ReadonlyMap<ReactionKind, number>): ReactionCount[] {
  return [...counts].map(([kind, count]) => ({ kind, count }));
}
