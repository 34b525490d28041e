import type { Redis } from 'ioredis';
import type { EventId, RoomId, UserId } from '../core/ids.ts';
import type { ChatMessage, ChatQuote, UserProfile } from '../core/model.ts';
import { type Actor, actorArguments } from './actor.ts';
import { roomChatKey } from './redis/keys.ts';
import type { Scripts } from './redis/scripts.ts';
import { jsonFields } from './room-snapshot.ts';
import type { MemberKey } from './room-store.ts';

/** Messages that are kept a room. */
const historyLength = 1_000;
/** Characters of a message that a reply quotes. */
const excerptLength = 120;
/** What the server's own messages are quoted as having been said by. */
const serverName = '';

/** What a member says. */
export interface ChatInput {
  readonly content: string;
  /** Made by the client; null for a message that need not be told from its repetition. */
  readonly clientMessageId: string | null;
  /** The message that it answers. */
  readonly replyTo: EventId | null;
}

/** The messages of rooms in Redis, and what keeps people from sending them. */
export class ChatStore {
  readonly #redis: Redis;
  readonly #scripts: Scripts;

  constructor(redis: Redis, scripts: Scripts) {
    this.#redis = redis;
    this.#scripts = scripts;
  }

  /**
   * One round trip.
   *
   * @throws AppError NOT_IN_ROOM, CHAT_MUTED, SLOW_MODE with the wait in ms; MESSAGE_NOT_FOUND when what it answers is gone,
   *   or itself was deleted before it was sent again
   */
  async send(
    { roomId, userId, sessionId }: MemberKey,
    sender: UserProfile,
    { content, clientMessageId, replyTo }: ChatInput,
  ): Promise<ChatMessage> {
    const [message] = await this.#scripts.change('send-chat', roomId, [
      userId,
      sessionId,
      jsonFields({ type: 'text', sender, content, clientMessageId }),
      clientMessageId ?? '',
      historyLength,
      replyTo ?? '',
      quoteFields(sender.name, content),
    ]);
    return JSON.parse(String(message)) as ChatMessage;
  }

  /**
   * What a member has said with this id in the last two minutes; null for nothing. One round trip.
   *
   * @throws AppError NOT_IN_ROOM
   */
  async findSent({ roomId, userId, sessionId }: MemberKey, clientMessageId: string): Promise<ChatMessage | null> {
    const [message] = await this.#scripts.change('find-sent-chat', roomId, [userId, sessionId, clientMessageId]);
    return message === '' ? null : (JSON.parse(String(message)) as ChatMessage);
  }

  /** Says something as the server. One round trip. @throws AppError ROOM_NOT_FOUND when the room is not open */
  async announce(roomId: RoomId, content: string): Promise<ChatMessage> {
    const [message] = await this.#scripts.change('announce-chat', roomId, [
      jsonFields({ type: 'system', sender: null, content, clientMessageId: null, replyTo: null }),
      historyLength,
      quoteFields(serverName, content),
    ]);
    return JSON.parse(String(message)) as ChatMessage;
  }

  /** One round trip. @throws AppError NOT_IN_ROOM, MESSAGE_NOT_FOUND, NOT_ALLOWED */
  async delete(actor: Actor, messageId: EventId): Promise<void> {
    await this.#scripts.change('delete-chat', actor.roomId, [...actorArguments(actor), messageId]);
  }

  /** One round trip. @throws AppError NOT_IN_ROOM, NOT_ALLOWED, MEMBER_NOT_FOUND */
  async setMuted(actor: Actor, userId: UserId, muted: boolean): Promise<void> {
    await this.#scripts.change('mute-chatter', actor.roomId, [...actorArguments(actor), userId, muted ? 1 : 0]);
  }

  /** One round trip. @throws AppError NOT_IN_ROOM, NOT_ALLOWED */
  async setSlowMode(actor: Actor, seconds: number): Promise<void> {
    await this.#scripts.change('set-slow-mode', actor.roomId, [...actorArguments(actor), seconds]);
  }

  /**
   * One round trip; two when there are replies among the messages, whose originals may have been deleted.
   *
   * @param before - answer messages older than this one; null for the newest
   * @returns oldest first
   */
  async read(roomId: RoomId, before: EventId | null, limit: number): Promise<ChatMessage[]> {
    const end = before === null ? '+' : `(${before}`;
    const entries = await this.#redis.xrevrange(roomChatKey(roomId), end, '-', 'COUNT', limit);
    const messages = entries.reverse().map(([id, fields]): ChatMessage => {
      const message = JSON.parse(`{${fields[1] ?? ''}}`) as Omit<ChatMessage, 'id' | 'sentAt'>;
      return { id, sentAt: Number.parseInt(id, 10), ...message };
    });
    return this.#withoutDeletedQuotes(roomId, messages);
  }

  /** What was deleted must not live on in the replies to it. */
  async #withoutDeletedQuotes(roomId: RoomId, messages: ChatMessage[]): Promise<ChatMessage[]> {
    const known = new Set(messages.map(({ id }) => id));
    const quoted = new Set(messages.flatMap(({ replyTo }) => (replyTo === null ? [] : [replyTo.id])));
    const elsewhere = [...quoted].filter((id) => !known.has(id));
    const found = await Promise.all(elsewhere.map((id) => this.#redis.xrange(roomChatKey(roomId), id, id)));
    for (const [id] of found.flat()) known.add(id);
    return messages.map((message) => {
      const { replyTo } = message;
      return replyTo === null || known.has(replyTo.id) ? message : { ...message, replyTo: { ...replyTo, excerpt: '' } };
    });
  }
}

/** The {@link ChatQuote} of a message, but for its id. */
function quoteFields(senderName: string, content: string): string {
  // By code points, so that no character is cut in two.
  const excerpt = Array.from(content).slice(0, excerptLength).join('');
  return jsonFields({ senderName, excerpt } satisfies Omit<ChatQuote, 'id'>);
}
