import { AppError } from '../core/errors.ts';
import type { RoomId, UserId } from '../core/ids.ts';
import type { CatalogueGift, OpusSettings, RoomDescription, RoomListing, RoomRole } from '../core/model.ts';
import type { LaravelClient, LaravelRoom } from './laravel.ts';
import { CachedValue, KeyedCache } from './cache.ts';
import type { ControlBus } from './control-bus.ts';
import type { RoomStore } from './room-store.ts';

/** How long Laravel's answers are used before it is asked again, ms. */
const roomLifetimeMs = 15_000;
const listLifetimeMs = 5_000;
const catalogueLifetimeMs = 60_000;

/** What Laravel knows and the server looks up: rooms, roles in them and the gift catalogue. */
export class RoomDirectory {
  readonly #store: RoomStore;
  readonly #opus: OpusSettings;
  readonly #rooms: KeyedCache<RoomId, LaravelRoom | null>;
  /** By {@link roleKey}. */
  readonly #roles: KeyedCache<string, RoomRole>;
  readonly #list: CachedValue<LaravelRoom[]>;
  readonly #catalogue: CachedValue<CatalogueGift[]>;

  /** @param opus - of rooms for which Laravel says nothing else */
  constructor(laravel: LaravelClient, store: RoomStore, opus: OpusSettings) {
    this.#store = store;
    this.#opus = opus;
    this.#rooms = new KeyedCache(roomLifetimeMs, (roomId) => laravel.findRoom(roomId));
    this.#roles = new KeyedCache(roomLifetimeMs, (key) => {
      const [roomId, userId] = key.split(' ');
      return laravel.findRole(roomId as RoomId, Number(userId) as UserId);
    });
    this.#list = new CachedValue(listLifetimeMs, () => laravel.listRooms());
    this.#catalogue = new CachedValue(catalogueLifetimeMs, () => laravel.listGifts());
  }

  /** @throws AppError ROOM_NOT_FOUND; UPSTREAM_UNAVAILABLE when Laravel does not answer and never has about this room */
  async describe(roomId: RoomId): Promise<RoomDescription> {
    const room = await this.#rooms.get(roomId).catch(unavailable);
    if (room === null) throw new AppError('ROOM_NOT_FOUND');
    return { ...room, opus: { ...this.#opus, ...room.opus } };
  }

  /**
   * What a user is in a room.
   *
   * @throws AppError ROOM_NOT_FOUND; UPSTREAM_UNAVAILABLE when Laravel does not answer and has not lately
   */
  async roleOf(roomId: RoomId, userId: UserId): Promise<RoomRole> {
    const { ownerId } = await this.describe(roomId);
    if (userId === ownerId) return 'owner';
    return this.#roles.get(roleKey(roomId, userId)).catch(unavailable);
  }

  /** Drops what other nodes say has changed, and everything when they may have said something unheard. */
  followChanges(control: ControlBus): void {
    control.on('message', (message) => {
      if (message.type === 'roomChanged') this.forgetRoom(message.roomId);
      else if (message.type === 'roleChanged') this.forgetRole(message.roomId, message.userId);
    });
    control.on('gap', () => this.forgetAll());
  }

  /** Has the next look at the room ask Laravel. */
  forgetRoom(roomId: RoomId): void {
    this.#rooms.forget(roomId);
  }

  /** Has the next look at the user's role ask Laravel. */
  forgetRole(roomId: RoomId, userId: UserId): void {
    this.#roles.forget(roleKey(roomId, userId));
  }

  /** Has every next look at rooms and roles ask Laravel. */
  forgetAll(): void {
    this.#rooms.clear();
    this.#roles.clear();
  }

  /** The rooms that can be joined, with how many are in each now. */
  async list(): Promise<RoomListing[]> {
    const rooms = await this.#list.get().catch(unavailable);
    const live = await this.#store.listRooms(rooms.map(({ id }) => id));
    const counts = new Map(live.map(({ roomId, participantCount }) => [roomId, participantCount]));
    return rooms.map(({ id, title, ownerId }) => {
      return { roomId: id, title, ownerId, participantCount: counts.get(id) ?? 0 };
    });
  }

  /** @throws AppError UPSTREAM_UNAVAILABLE */
  async gifts(): Promise<CatalogueGift[]> {
    return this.#catalogue.get().catch(unavailable);
  }
}

function roleKey(roomId: RoomId, userId: UserId): string {
  return `${roomId} ${userId}`;
}

function unavailable(error: unknown): never {
  throw new AppError('UPSTREAM_UNAVAILABLE', { cause: error });
}
