import type { EventId, RoomId, UserId } from '../core/ids.ts';
import type { ChatMessage, UserProfile } from '../core/model.ts';
import type { Actor } from './actor.ts';
import type { ChatInput, ChatStore } from './chat-store.ts';
import type { LocalMember } from './local-room.ts';
import type { RateLimit } from './rate-limit.ts';

/** Text messages of a room. */
export class Chat {
  readonly #store: ChatStore;
  readonly #limit: RateLimit;

  constructor(store: ChatStore, limit: RateLimit) {
    this.#store = store;
    this.#limit = limit;
  }

  /**
   * Says something as `sender`. Two round trips to Redis. Within two minutes the same `clientMessageId` is answered with
   * the same message.
   *
   * @throws AppError RATE_LIMITED and SLOW_MODE with the wait in ms, NOT_IN_ROOM, CHAT_MUTED, MESSAGE_NOT_FOUND
   */
  async send(member: LocalMember, sender: UserProfile, input: ChatInput): Promise<ChatMessage> {
    try {
      await this.#limit.take(member.userId);
    } catch (error) {
      // Whoever repeats what was said, because the answer was lost, is not to be told that it was not.
      const said = await this.#findSaid(member, input);
      if (said !== null) return said;
      throw error;
    }
    return this.#store.send(member, sender, input);
  }

  /** Says something as the server. @throws AppError ROOM_NOT_FOUND when the room is not open */
  async announce(roomId: RoomId, content: string): Promise<ChatMessage> {
    return this.#store.announce(roomId, content);
  }

  /** @throws AppError NOT_IN_ROOM, MESSAGE_NOT_FOUND, NOT_ALLOWED unless the actor is the author or a host above the author */
  async delete(actor: Actor, messageId: EventId): Promise<void> {
    await this.#store.delete(actor, messageId);
  }

  /** Takes or gives back a member's right to chat. @throws AppError NOT_IN_ROOM, NOT_ALLOWED, MEMBER_NOT_FOUND */
  async setMuted(actor: Actor, userId: UserId, muted: boolean): Promise<void> {
    await this.#store.setMuted(actor, userId, muted);
  }

  /** Sets the least time between two messages of one member, 0 for none. @throws AppError NOT_IN_ROOM, NOT_ALLOWED */
  async setSlowMode(actor: Actor, seconds: number): Promise<void> {
    await this.#store.setSlowMode(actor, seconds);
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
  async #findSaid(member: LocalMember, { clientMessageId }: ChatInput): Promise<ChatMessage | null> {
    return clientMessageId === null ? null : this.#store.findSent(member, clientMessageId);
  }
}
