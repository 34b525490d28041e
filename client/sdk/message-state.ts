import type { ChatMessage } from '../../src/core/model.ts';
import type { RoomState } from './room-state.ts';

/** Live messages beyond this many push the oldest out; `loadOlderMessages` brings them back. */
const keptMessages = 500;

/** A live or replayed message; one that is known already is ignored. */
export function addMessage(state: RoomState, message: ChatMessage): RoomState {
  const messages = mergeMessages(state.messages, [message]);
  if (messages === state.messages) return state;
  const overflow = Math.max(0, messages.length - keptMessages);
  return { ...state, messages: messages.slice(overflow), hasOlderMessages: state.hasOlderMessages || overflow > 0 };
}

/** A page of the history, in any overlap with what is known. */
export function addHistory(state: RoomState, messages: readonly ChatMessage[], hasMore: boolean): RoomState {
  return { ...state, messages: mergeMessages(state.messages, messages), hasOlderMessages: hasMore };
}

/** A message was deleted: it goes, and so does its text in the quotations of those that answer it. */
export function removeMessage(state: RoomState, messageId: string): RoomState {
  const quotes = ({ replyTo }: ChatMessage): boolean => replyTo?.id === messageId && replyTo.excerpt !== '';
  if (!state.messages.some((message) => message.id === messageId || quotes(message))) return state;
  const messages = state.messages
    .filter(({ id }) => id !== messageId)
    .map((message) =>
      message.replyTo && quotes(message) ? { ...message, replyTo: { ...message.replyTo, excerpt: '' } } : message,
    );
  return { ...state, messages };
}

/**
 * When slow mode lets the user say something again, on the server's clock; 0 when it does not hold the user back. It
 * follows from the own messages that are known, so that a reload changes nothing.
 */
export function slowModeEndsAt(state: RoomState): number {
  if (state.slowModeSeconds === 0 || state.role !== 'member') return 0;
  const last = state.messages.findLast(({ sender }) => sender?.id === state.me.id);
  return last ? last.sentAt + state.slowModeSeconds * 1000 : 0;
}

function mergeMessages(known: readonly ChatMessage[], added: readonly ChatMessage[]): readonly ChatMessage[] {
  const ids = new Set(known.map(({ id }) => id));
  const fresh = added.filter(({ id }) => !ids.has(id));
  return fresh.length === 0 ? known : [...known, ...fresh].sort(byPosition);
}

/** Message ids are positions in the room's log, `<ms>-<sequence>`. */
function byPosition(a: ChatMessage, b: ChatMessage): number {
  const [aTime = '', aSequence = ''] = a.id.split('-');
  const [bTime = '', bSequence = ''] = b.id.split('-');
  return Number(aTime) - Number(bTime) || Number(aSequence) - Number(bSequence);
}
