import { type AppCode, AppError } from '../core/errors.ts';
import type { NodeId, RoomId, UserId } from '../core/ids.ts';
import type { ProducerDescription } from '../core/model.ts';
import type { Scripts } from './redis/scripts.ts';
import type { MemberKey } from './room-store.ts';

/** Who sends what in rooms, in Redis. Each method is one atomic step and one round trip. */
export class ProducerStore {
  readonly #scripts: Scripts;

  constructor(scripts: Scripts) {
    this.#scripts = scripts;
  }

  /** @throws AppError NOT_IN_ROOM, NOT_SEATED */
  async open(member: MemberKey, producer: ProducerDescription, nodeId: NodeId): Promise<void> {
    const { producerId, source, paused } = producer;
    await this.#scripts.change('open-producer', member.roomId, [
      member.userId,
      member.sessionId,
      producerId,
      source,
      paused ? 1 : 0,
      nodeId,
    ]);
  }

  /** @throws AppError NOT_IN_ROOM, PRODUCER_NOT_FOUND */
  async pause({ roomId, userId, sessionId }: MemberKey, producerId: string, paused: boolean): Promise<void> {
    await this.#scripts.change('pause-producer', roomId, [userId, sessionId, producerId, paused ? 1 : 0]);
  }

  /** @throws AppError PRODUCER_NOT_FOUND */
  async close(roomId: RoomId, userId: UserId, producerId: string, reason: 'closed' | 'failed'): Promise<void> {
    await this.#scripts.change('close-producer', roomId, [userId, producerId, reason]);
  }

  /** Drops the producers of a node whose media for this room is gone. */
  async closeAllOf(roomId: RoomId, nodeId: NodeId): Promise<void> {
    await this.#scripts.change('close-node-producers', roomId, [nodeId]);
  }
}

const goneCodes: ReadonlySet<AppCode> = new Set(['PRODUCER_NOT_FOUND', 'ROOM_NOT_FOUND', 'NOT_IN_ROOM']);

/** For `catch`: what is gone needs no closing. @throws every other error */
export function ignoreGone(error: unknown): void {
  if (!(error instanceof AppError && goneCodes.has(error.code))) throw error;
}
