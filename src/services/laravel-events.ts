import type { Redis } from 'ioredis';
import { AppError } from '../core/errors.ts';
import type { RoomId, UserId } from '../core/ids.ts';
import type { RoomRole } from '../core/model.ts';
import { operatorIn } from './actor.ts';
import type { ControlBus } from './control-bus.ts';
import type { Moderation } from './moderation.ts';
import { laravelEventKey } from './redis/keys.ts';
import type { RevocationList } from './revocation.ts';
import type { RoomStore } from './room-store.ts';

/** Something that has changed in Laravel and that the server must not learn of by and by. */
export type LaravelEvent =
  | { readonly type: 'room.updated'; readonly roomId: RoomId }
  | { readonly type: 'room.closed'; readonly roomId: RoomId; readonly reason: string | null }
  | { readonly type: 'member.role_changed'; readonly roomId: RoomId; readonly userId: UserId; readonly role: RoomRole }
  | { readonly type: 'user.revoked'; readonly userId: UserId }
  | { readonly type: 'token.revoked'; readonly tokenHash: string };

/** An event that was applied is known for this time, seconds. */
const rememberedSeconds = 86_400;
/** A node that takes longer to apply an event is taken for dead: the event may be sent again, ms. */
const longestApplicationMs = 10_000;

/**
 * Applies what Laravel announces, each event once however often it is sent and to whatever node. All nodes drop what they
 * remember of it.
 */
export class LaravelEvents {
  readonly #redis: Redis;
  readonly #control: ControlBus;
  readonly #revocations: RevocationList;
  readonly #store: RoomStore;
  readonly #moderation: Moderation;

  constructor(use: {
    readonly redis: Redis;
    readonly control: ControlBus;
    readonly revocations: RevocationList;
    readonly store: RoomStore;
    readonly moderation: Moderation;
  }) {
    this.#redis = use.redis;
    this.#control = use.control;
    this.#revocations = use.revocations;
    this.#store = use.store;
    this.#moderation = use.moderation;
  }

  /**
   * @param eventId - Laravel's; the same again within 24 h is a duplicate
   * @throws AppError SERVICE_UNAVAILABLE while another call applies the same event; Error when Redis is away. The event
   *   can be sent again then.
   */
  async apply(eventId: string, event: LaravelEvent): Promise<'applied' | 'duplicate'> {
    const key = laravelEventKey(eventId);
    if ((await this.#redis.set(key, 'applying', 'PX', longestApplicationMs, 'NX')) === null) {
      if ((await this.#redis.get(key)) === 'applied') return 'duplicate';
      throw new AppError('SERVICE_UNAVAILABLE', { message: 'The event is being applied' });
    }
    try {
      await this.#apply(event);
    } catch (error) {
      // Without this the repetition has to wait for the claim to run out.
      await this.#redis.del(key).catch(() => undefined);
      throw error;
    }
    await this.#redis.set(key, 'applied', 'EX', rememberedSeconds);
    return 'applied';
  }

  async #apply(event: LaravelEvent): Promise<void> {
    switch (event.type) {
      case 'room.updated':
        await this.#control.publish({ type: 'roomChanged', roomId: event.roomId });
        return unlessNotFound(this.#moderation.update(event.roomId));
      case 'room.closed':
        // First the caches, so that nobody joins by what they say.
        await this.#control.publish({ type: 'roomChanged', roomId: event.roomId });
        // One that nobody is in has nothing to close.
        return unlessNotFound(this.#moderation.close(operatorIn(event.roomId), event.reason));
      case 'member.role_changed':
        await this.#control.publish({ type: 'roleChanged', roomId: event.roomId, userId: event.userId });
        return this.#store.setRole(event.roomId, event.userId, event.role);
      case 'user.revoked':
        return this.#revocations.revokeUser(event.userId);
      case 'token.revoked':
        return this.#revocations.revokeToken(event.tokenHash);
    }
  }
}

/** Waits for what is done to a room; nothing is done to one that is not open or that Laravel does not have any more. */
async function unlessNotFound(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ROOM_NOT_FOUND') throw error;
  }
}
