import type { EventId } from '../core/ids.ts';
import type { ChatMessage, UserProfile } from '../core/model.ts';
import type { LocalMember } from './local-room.ts';
import type { RateLimit } from './rate-limit.ts';
import type { ChatStore } from './chat-store.ts';

/** Text messages of a room. */
export class Chat {
  readonly #store: ChatStore;
  readonly #limit: RateLimit;

  constructor(store: ChatStore, limit: RateLimit) {
    this.#store = store;
    this.#limit = limit;
  }

  /**
   * Says something as `sender`. Two round trips to Redis.
   *
   * @param clientMessageId - made by the client; within two minutes the same id is answered with the same message
   * @throws AppError RATE_LIMITED with the wait in ms, NOT_IN_ROOM
   */
  async send(
    member: LocalMember,
    sender: UserProfile,
    content: string,
    clientMessageId: string | null,
  ): Promise<ChatMessage> {
    await this.#limit.take(member.userId);
    return this.#store.send(member, sender, content, clientMessageId);
  }

  /**
   * @param before - answer messages older than this one; null for the newest
   * @returns at most `limit` messages, oldest first
   */
  async history(
    member: LocalMember,
    before: EventId | null,
    limit: number,
  ): Promise<{ messages: ChatMessage[]; hasMore: boolean }> {
    const messages = await this.#store.read(member.roomId, before, limit + 1);
    return { messages: messages.slice(-limit), hasMore: messages.length > limit };
  }
}
