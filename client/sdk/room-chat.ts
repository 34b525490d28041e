import { v7 as uuidv7 } from 'uuid';
import type { ChatEvent } from '../../src/core/events.ts';
import type { ChatMessage } from '../../src/core/model.ts';
import { toFlyLiveError } from './errors.ts';
import type { LiveState } from './live-state.ts';
import type { Membership } from './membership.ts';
import * as reduce from './message-state.ts';
import type { ServerClock } from './server-clock.ts';

const historyPage = 50;

/** What is said in one room. */
export class RoomChat {
  readonly #membership: Membership;
  readonly #state: LiveState;
  readonly #clock: ServerClock;
  readonly #onMessage: (message: ChatMessage) => void;
  /** Deleted while a page of the history was under way, which may still hold or quote them. */
  readonly #deleted = new Set<string>();
  #reading = 0;
  /** On this device's clock, ms since the epoch. */
  #refusedUntil = 0;

  /** @param onMessage - told each live message once */
  constructor(membership: Membership, state: LiveState, clock: ServerClock, onMessage: (message: ChatMessage) => void) {
    this.#membership = membership;
    this.#state = state;
    this.#clock = clock;
    this.#onMessage = onMessage;
  }

  /** See `Room.sendChat`. */
  async send(content: string, replyTo: string | undefined): Promise<ChatMessage> {
    const { roomId } = this.#membership;
    const said = { roomId, content, clientMessageId: uuidv7(), ...(replyTo === undefined ? {} : { replyTo }) };
    try {
      const message = await this.#membership.retry((api) => api.chat.send.mutate(said));
      this.#add(message);
      return message;
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      if (error.code === 'SLOW_MODE') this.#refusedUntil = Date.now() + (error.retryAfterMs ?? 0);
      throw error;
    }
  }

  /** See `Room.deleteMessage`. */
  async delete(messageId: string): Promise<void> {
    const { roomId } = this.#membership;
    await this.#membership.retry((api) => api.chat.delete.mutate({ roomId, messageId }));
    this.#remove(messageId);
  }

  /** See `Room.chatWaitMs`. */
  waitMs(): number {
    const state = this.#state.value;
    if (state.slowModeSeconds === 0) return 0;
    const bySlowMode = reduce.slowModeEndsAt(state) - this.#clock.now();
    return Math.max(0, bySlowMode, this.#refusedUntil - Date.now());
  }

  /** See `Room.loadOlderMessages`. */
  async loadOlder(): Promise<void> {
    const { roomId } = this.#membership;
    const before = this.#state.value.messages[0]?.id;
    this.#reading += 1;
    try {
      const { messages, hasMore } = await this.#membership.retry((api) =>
        api.chat.history.query({ roomId, limit: historyPage, ...(before === undefined ? {} : { before }) }),
      );
      const withPage = reduce.addHistory(this.#state.value, messages, hasMore);
      this.#state.update([...this.#deleted].reduce(reduce.removeMessage, withPage));
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#deleted.clear();
    }
  }

  /** Begins anew: what is known may have holes. */
  async reload(): Promise<void> {
    this.#state.update({ ...this.#state.value, messages: [] });
    await this.loadOlder();
  }

  /** An event of `chat.onMessage`. */
  receive(event: ChatEvent): void {
    if (event.type === 'message') this.#add(event.message);
    else this.#remove(event.messageId);
  }

  #add(message: ChatMessage): void {
    const next = reduce.addMessage(this.#state.value, message);
    if (next === this.#state.value) return;
    this.#state.update(next);
    this.#onMessage(message);
  }

  #remove(messageId: string): void {
    if (this.#reading > 0) this.#deleted.add(messageId);
    this.#state.update(reduce.removeMessage(this.#state.value, messageId));
  }
}
