import type { MemberQuality } from '../core/events.ts';
import type { NodeId, RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { OpusSettings } from '../core/model.ts';
import type { MediaRooms } from '../media/media-rooms.ts';
import type { RoomMedia } from '../media/room-media.ts';
import type { EventReader } from './event-reader.ts';
import { LocalRoom } from './local-room.ts';
import { ignoreGone, type ProducerStore } from './producer-store.ts';
import type { RoomStore } from './room-store.ts';
import type { WireFormat } from './wire-format.ts';

interface HeldRoom {
  readonly opening: Promise<LocalRoom>;
  /** Null until `opening` has resolved. */
  room: LocalRoom | null;
  holders: number;
}

export interface LocalRoomsDependencies {
  readonly reader: EventReader;
  readonly media: MediaRooms;
  readonly store: RoomStore;
  readonly producers: ProducerStore;
  readonly wire: WireFormat;
  /** Events that a room's log keeps at least. */
  readonly logLength: number;
  readonly nodeId: NodeId;
  readonly logger: Logger;
}

/** Waits before a step of a repair is tried again: no worker could take the room, or Redis is away; doubling, ms. */
const retryDelay = { first: 250, max: 5_000 };

/**
 * The rooms that this process serves. A room is opened by its first holder (a joining call, then each member) and
 * closed, media and all, when the last one lets go.
 */
export class LocalRooms {
  readonly #use: LocalRoomsDependencies;
  readonly #held = new Map<RoomId, HeldRoom>();

  constructor(dependencies: LocalRoomsDependencies) {
    this.#use = dependencies;
  }

  get size(): number {
    return this.#held.size;
  }

  /**
   * Holds a room open; concurrent first calls open it once.
   *
   * @param opus - what its speakers are told while it stays open here
   * @throws AppError MEDIA_UNAVAILABLE when no router can be made; Error when Redis is away
   */
  async hold(roomId: RoomId, opus: OpusSettings): Promise<LocalRoom> {
    const held = this.#held.get(roomId) ?? this.#open(roomId, opus);
    held.holders += 1;
    return held.opening;
  }

  /** Gives up one hold that was granted. */
  release(roomId: RoomId): void {
    const held = this.#held.get(roomId);
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders > 0 || held.room === null) return;
    this.#held.delete(roomId);
    this.#close(held.room);
  }

  /** A room that is open here; null for any other. */
  find(roomId: RoomId): LocalRoom | null {
    return this.#held.get(roomId)?.room ?? null;
  }

  /** How well those are connected who send audio here, in the rooms whose activity somebody watches. */
  get qualities(): MemberQuality[] {
    return [...this.#held.values()].flatMap(({ room }) => room?.media.qualities ?? []);
  }

  /** Gives up every room; memberships stay in Redis. */
  closeAll(): void {
    for (const { room } of this.#held.values()) if (room !== null) this.#close(room);
    this.#held.clear();
  }

  #open(roomId: RoomId, opus: OpusSettings): HeldRoom {
    const held: HeldRoom = { opening: this.#load(roomId, opus), room: null, holders: 0 };
    this.#held.set(roomId, held);
    held.opening.then(
      (room) => (held.room = room),
      () => this.#held.delete(roomId),
    );
    return held;
  }

  async #load(roomId: RoomId, opus: OpusSettings): Promise<LocalRoom> {
    const { reader, media, store, wire, logLength, logger } = this.#use;
    const feed = await reader.hold(roomId);
    try {
      const roomMedia = await media.open(roomId, opus);
      const room: LocalRoom = new LocalRoom({
        feed,
        opus,
        media: roomMedia,
        wire,
        logLength,
        countMembers: () => store.countMembers(roomId),
        onMemberGone: () => this.release(roomId),
        onEventsLost: () => void this.#untilDone(room, () => this.#settle(room)),
        logger,
      });
      this.#watchMedia(room, roomMedia);
      logger.debug({ roomId }, 'Room opened on this node');
      return room;
    } catch (error) {
      reader.release(roomId);
      throw error;
    }
  }

  #close(room: LocalRoom): void {
    room.close();
    this.#use.media.close(room.roomId);
    this.#use.reader.release(room.roomId);
    this.#use.logger.debug({ roomId: room.roomId }, 'Room closed on this node');
  }

  /** Keeps Redis true about producers that ended by themselves, and replaces media whose worker died. */
  #watchMedia(room: LocalRoom, media: RoomMedia): void {
    const { store, producers, logger } = this.#use;
    media.on('producerFailed', async ({ producerId, userId }) => {
      logger.info({ roomId: room.roomId, userId, producerId }, 'Producer failed');
      const { roomId } = room;
      await this.#untilDone(room, () => producers.close(roomId, userId, producerId, 'failed').catch(ignoreGone));
    });
    media.on('routersLost', async (routerIds, isClosed) => {
      logger.warn({ roomId: room.roomId, routerIds, isClosed }, 'Media routers lost with their worker');
      if (isClosed) await this.#untilDone(room, () => this.#reopenMedia(room));
      await this.#untilDone(room, () => store.announceRoutersReplaced(room.roomId, routerIds).catch(ignoreGone));
    });
  }

  async #settle(room: LocalRoom): Promise<void> {
    const { members, roomId } = room;
    const userIds = members.map(({ userId }) => userId);
    const standings = await this.#use.store.readStandings(roomId, userIds);
    if (!room.settle(members, standings)) throw new Error('The room has moved on meanwhile');
  }

  async #reopenMedia(room: LocalRoom): Promise<void> {
    const { producers, media, nodeId } = this.#use;
    await producers.closeAllOf(room.roomId, nodeId);
    // Nobody would close what is opened for a room that is closed. One that is closed meanwhile takes its media along.
    if (room.closed) return;
    const roomMedia = await media.open(room.roomId, room.opus);
    if (room.closed) return;
    room.useMedia(roomMedia);
    this.#watchMedia(room, roomMedia);
  }

  /** Repeats a step of a repair until it succeeds or the room is closed here. Only the first failure is a warning. */
  async #untilDone(room: LocalRoom, step: () => Promise<void>): Promise<void> {
    const { logger } = this.#use;
    const { roomId } = room;
    for (let attempt = 0; !room.closed; attempt += 1) {
      try {
        await step();
        if (attempt > 0) logger.info({ roomId, attempt }, 'A room was repaired');
        return;
      } catch (error) {
        logger[attempt === 0 ? 'warn' : 'debug']({ err: error, roomId }, 'A room could not be repaired; trying again');
        const wait = Math.min(retryDelay.first * 2 ** attempt, retryDelay.max);
        await new Promise((resolve) => setTimeout(resolve, wait).unref());
      }
    }
  }
}
