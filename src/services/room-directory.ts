import { AppError } from '../core/errors.ts';
import type { RoomId } from '../core/ids.ts';
import type { CatalogueGift, OpusSettings, RoomDescription, RoomListing } from '../core/model.ts';
import type { LaravelClient, LaravelRoom } from './laravel.ts';
import { CachedValue, KeyedCache } from './cache.ts';
import type { RoomStore } from './room-store.ts';

/** How long Laravel's answers are used before it is asked again, ms. */
const roomLifetimeMs = 15_000;
const listLifetimeMs = 5_000;
const catalogueLifetimeMs = 60_000;

/** What Laravel knows and the server looks up: rooms and the gift catalogue. */
export class RoomDirectory {
  readonly #store: RoomStore;
  readonly #opus: OpusSettings;
  readonly #rooms: KeyedCache<RoomId, LaravelRoom | null>;
  readonly #list: CachedValue<LaravelRoom[]>;
  readonly #catalogue: CachedValue<CatalogueGift[]>;

  /** @param opus - of rooms for which Laravel says nothing else */
  constructor(laravel: LaravelClient, store: RoomStore, opus: OpusSettings) {
    this.#store = store;
    this.#opus = opus;
    this.#rooms = new KeyedCache(roomLifetimeMs, (roomId) => laravel.findRoom(roomId));
    this.#list = new CachedValue(listLifetimeMs, () => laravel.listRooms());
    this.#catalogue = new CachedValue(catalogueLifetimeMs, () => laravel.listGifts());
  }

  /** @throws AppError ROOM_NOT_FOUND; UPSTREAM_UNAVAILABLE when Laravel does not answer and never has about this room */
  async describe(roomId: RoomId): Promise<RoomDescription> {
    const room = await this.#rooms.get(roomId).catch(unavailable);
    if (room === null) throw new AppError('ROOM_NOT_FOUND');
    return { ...room, opus: { ...this.#opus, ...room.opus } };
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

function unavailable(error: unknown): never {
  throw new AppError('UPSTREAM_UNAVAILABLE', { cause: error });
}
