import { AppError } from '../core/errors.ts';
import type { RoomId } from '../core/ids.ts';
import type { OpusSettings } from '../core/model.ts';
import { RoomMedia, type RoomMediaOptions } from './room-media.ts';

export type MediaRoomsOptions = Omit<RoomMediaOptions, 'roomId' | 'opus'>;

interface Entry {
  readonly opening: Promise<RoomMedia>;
  media: RoomMedia | undefined;
}

/** The rooms that have media on this node. A room that closes itself is forgotten. */
export class MediaRooms {
  readonly #options: MediaRoomsOptions;
  readonly #entries = new Map<RoomId, Entry>();

  constructor(options: MediaRoomsOptions) {
    this.#options = options;
  }

  /** Rooms, those being opened included. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * The room's media; opened once, however many ask at the same time. A failed opening is forgotten.
   *
   * @param opus - how its speakers encode, if not as usual
   * @throws AppError `MEDIA_UNAVAILABLE` when no worker can take the room, or it was closed while being opened
   */
  open(roomId: RoomId, opus?: OpusSettings): Promise<RoomMedia> {
    const known = this.#entries.get(roomId);
    if (known) return known.opening;
    const { promise, resolve, reject } = Promise.withResolvers<RoomMedia>();
    const entry: Entry = { opening: promise, media: undefined };
    this.#entries.set(roomId, entry);
    this.#open(roomId, opus, entry).then(resolve, (error: unknown) => {
      this.#forget(roomId, entry);
      reject(error);
    });
    return promise;
  }

  /** The room's media if it is open. */
  get(roomId: RoomId): RoomMedia | undefined {
    return this.#entries.get(roomId)?.media;
  }

  /** All rooms that are open. */
  all(): RoomMedia[] {
    return [...this.#entries.values()].flatMap(({ media }) => (media ? [media] : []));
  }

  /** Closes the room's media, also while it is being opened. Again without effect. */
  close(roomId: RoomId): void {
    const entry = this.#entries.get(roomId);
    this.#entries.delete(roomId);
    entry?.media?.close();
  }

  closeAll(): void {
    for (const roomId of [...this.#entries.keys()]) this.close(roomId);
  }

  async #open(roomId: RoomId, opus: OpusSettings | undefined, entry: Entry): Promise<RoomMedia> {
    const media = await RoomMedia.open({ ...this.#options, roomId, ...(opus && { opus }) });
    if (this.#entries.get(roomId) !== entry) {
      media.close();
      throw new AppError('MEDIA_UNAVAILABLE', { message: 'The room was closed while it was being opened' });
    }
    entry.media = media;
    media.once('closed', () => this.#forget(roomId, entry));
    return media;
  }

  /** Only if the entry is still the room's: it may have been closed and opened anew. */
  #forget(roomId: RoomId, entry: Entry): void {
    if (this.#entries.get(roomId) === entry) this.#entries.delete(roomId);
  }
}
