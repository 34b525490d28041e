import { topicSchemas } from '../../src/core/events.ts';
import { type EventId, eventIdSchema, type UserId, userIdSchema } from '../../src/core/ids.ts';
import type { FeedEntry } from '../../src/services/room-feed.ts';

/** The position numbered `n`. */
export const eventId = (n: number): EventId => eventIdSchema.parse(`${n}-0`);

export const userId = (n: number): UserId => userIdSchema.parse(n);

export interface FeedEntryOptions {
  readonly topic?: 'room' | 'chat';
  /** The only user who may see it; everybody by default. */
  readonly recipient?: number;
  /** The message of a chat entry; its number by default. */
  readonly content?: string;
}

/** Logged event number `n`: a chat message, or the leave of user `n`. */
export function feedEntry(
  n: number,
  { topic = 'chat', recipient, content = String(n) }: FeedEntryOptions = {},
): FeedEntry {
  const common = { id: eventId(n), recipient: recipient === undefined ? null : userId(recipient) };
  if (topic === 'room') {
    const event = topicSchemas.room.parse({ type: 'userLeft', userId: n, reason: 'left' });
    return { ...common, topic, event, json: JSON.stringify(event) };
  }
  const event = topicSchemas.chat.parse(chatEvent(n, content));
  return { ...common, topic, event, json: JSON.stringify(event) };
}

/** A chat event as it is logged. */
export function chatEvent(n: number, content = String(n)) {
  return {
    type: 'message',
    message: {
      id: `${n}-0`,
      sentAt: 1_700_000_000_000 + n,
      sender: { id: 1, name: 'Ada', avatar: null },
      type: 'text',
      content,
      replyTo: null,
      clientMessageId: null,
    },
  };
}
