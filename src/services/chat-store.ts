import type { Redis } from 'ioredis';
import type { EventId, RoomId } from '../core/ids.ts';
import type { ChatMessage, UserProfile } from '../core/model.ts';
import { roomChatKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';
import { jsonFields } from './room-snapshot.ts';
import type { MemberKey } from './room-store.ts';

/** Messages that are kept a room. */
const historyLength = 1_000;

/** The messages of rooms in Redis. Each method is one round trip. */
export class ChatStore {
  readonly #redis: Redis;
  readonly #scripts: Scripts;

  constructor(redis: Redis, scripts: Scripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /** @throws AppError NOT_IN_ROOM */
  async send(
    { roomId, userId, sessionId }: MemberKey,
    sender: UserProfile,
    content: string,
    clientMessageId: string | null,
  ): Promise<ChatMessage> {
    const [message] = await this.#scripts.change('send-chat', roomId, [
      userId,
      sessionId,
      jsonFields({ type: 'text', sender, content, replyTo: null, clientMessageId }),
      clientMessageId ?? '',
      historyLength,
    ]);
    return JSON.parse(String(message)) as ChatMessage;
  }

  /**
   * @param before - answer messages older than this one; null for the newest
   * @returns oldest first
   */
  async read(roomId: RoomId, before: EventId | null, limit: number): Promise<ChatMessage[]> {
    const end = before === null ? '+' : `(${before}`;
    const entries = await this.#redis.xrevrange(roomChatKey(roomId), end, '-', 'COUNT', limit);
    return entries.reverse().map(([id, fields]) => {
      const message = JSON.parse(`{${fields[1] ?? ''}}`) as Omit<ChatMessage, 'id' | 'sentAt'>;
      return { id, sentAt: Number.parseInt(id, 10), ...message };
    });
  }
}
