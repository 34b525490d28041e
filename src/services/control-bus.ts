import type { Redis } from 'ioredis';
import { z } from 'zod';
import { Emitter } from '../core/emitter.ts';
import { roomIdSchema, userIdSchema } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { controlChannel } from './redis/keys.ts';

const controlMessage = z.discriminatedUnion('type', [
  /** Laravel describes the room differently now. */
  z.object({ type: z.literal('roomChanged'), roomId: roomIdSchema }),
  /** Laravel has given the user another role in the room. */
  z.object({ type: z.literal('roleChanged'), roomId: roomIdSchema, userId: userIdSchema }),
  z.object({ type: z.literal('userRevoked'), userId: userIdSchema }),
  /** `tokenHash` is either of services/revocation.ts. */
  z.object({ type: z.literal('tokenRevoked'), tokenHash: z.string() }),
]);

/** What one node tells all nodes, itself included. */
export type ControlMessage = z.infer<typeof controlMessage>;

interface ControlBusEvents {
  message: [message: ControlMessage];
  /** Messages may have been lost: what they would have ended must be taken as ended. */
  gap: [];
}

/**
 * The one pub/sub channel on which nodes tell each other that something they remember is out of date. What is announced
 * here is in Redis or Laravel already; a lost message costs time (the life of a cache, the next look), never truth.
 */
export class ControlBus extends Emitter<ControlBusEvents> {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #logger: Logger;

  /** @param subscriber - connection that is used for nothing but pub/sub */
  constructor(commands: Redis, subscriber: Redis, logger: Logger) {
    super((event, error) => logger.error({ err: error, event }, 'A listener of the control channel failed'));
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#logger = logger;
  }

  /** Begins to listen. @throws Error when Redis cannot be reached */
  async start(): Promise<void> {
    this.#subscriber.on('message', (channel: string, text: string) => {
      if (channel === controlChannel) this.#receive(text);
    });
    await this.#subscriber.subscribe(controlChannel);
    // ioredis subscribes again by itself; what was said meanwhile is lost.
    this.#subscriber.on('ready', () => this.emit('gap'));
  }

  /** Tells every node. @throws Error when Redis cannot be reached */
  async publish(message: ControlMessage): Promise<void> {
    await this.#commands.publish(controlChannel, JSON.stringify(message));
  }

  #receive(text: string): void {
    try {
      this.emit('message', controlMessage.parse(JSON.parse(text)));
    } catch (error) {
      // As of a newer release; the life of the caches is the fallback.
      this.#logger.warn({ err: error }, 'A control message does not fit its schema');
    }
  }
}
