import type { FeedEvent, GiftOutcome, RoomActivity, Topic } from '../../src/core/events.ts';
import type { Api } from './api.ts';
import { delay, fullJitter } from './back-off.ts';
import type { FlyLiveError } from './errors.ts';
import { localError, toFlyLiveError } from './errors.ts';

export interface RoomFeedsOptions {
  readonly roomId: string;
  /** Position in the room's log after which events are wanted. */
  readonly cursor: string;
  /** The calls of the current connection; throws while there is none. */
  readonly api: () => Api;
  /** `id` is the event's position in the log, `<ms>-<sequence>`. */
  readonly onEvent: (event: RoomFeedEvent, id: string) => void;
  readonly onActivity: (activity: RoomActivity) => void;
  /** The final word on one of the user's gifts, and its position. */
  readonly onOutcome: (outcome: GiftOutcome, id: string) => void;
  /** A subscription was refused in a way that subscribing again cannot mend: join again. */
  readonly onRefused: (error: FlyLiveError) => void;
}

/** An event and the topic it came by. */
export type RoomFeedEvent = { [T in Topic]: { readonly topic: T; readonly event: FeedEvent<T> } }[Topic];

interface Handlers<T> {
  onData: (data: T) => void;
  onError: (error: unknown) => void;
  onComplete: () => void;
}

type Subscribe<T> = (handlers: Handlers<T>) => { unsubscribe(): void };

/**
 * The five subscriptions of a room, and the one of the user's gifts. Each topic keeps its own cursor, so that a new
 * connection continues exactly where the last one broke off.
 */
export class RoomFeeds {
  readonly #options: RoomFeedsOptions;
  readonly #cursors: Record<Topic, string>;
  /** Null until the server has said where the user's outcomes begin. */
  #outcomeCursor: string | null = null;
  #running = new AbortController();

  constructor(options: RoomFeedsOptions) {
    this.#options = options;
    const { cursor } = options;
    this.#cursors = { room: cursor, media: cursor, chat: cursor, gift: cursor };
  }

  /** Subscribes on the current connection, of which the caller has just become a member. */
  start(): void {
    this.stop();
    this.#running = new AbortController();
    const { roomId, api, onActivity, onOutcome } = this.#options;
    const input = (topic: Topic) => ({ roomId, lastEventId: this.#cursors[topic] });
    this.#keep<Tracked<'room'>>((on) => api().room.onEvent.subscribe(input('room'), on), this.#receive('room'));
    this.#keep<Tracked<'media'>>((on) => api().media.onEvent.subscribe(input('media'), on), this.#receive('media'));
    this.#keep<Tracked<'chat'>>((on) => api().chat.onMessage.subscribe(input('chat'), on), this.#receive('chat'));
    this.#keep<Tracked<'gift'>>((on) => api().gift.onEvent.subscribe(input('gift'), on), this.#receive('gift'));
    this.#keep<TrackedOutcome>(
      (on) => api().gift.onOutcome.subscribe({ lastEventId: this.#outcomeCursor }, on),
      ({ id, data }) => {
        this.#outcomeCursor = id;
        if (data.type !== 'subscribed') onOutcome(data, id);
      },
    );
    this.#keep<RoomActivity>((on) => api().room.onActivity.subscribe({ roomId }, on), onActivity);
  }

  /** Ends all subscriptions; {@link start} continues them. */
  stop(): void {
    this.#running.abort();
  }

  /** A snapshot told everything of these topics up to `cursor`. */
  skipTo(cursor: string, topics: readonly Topic[]): void {
    for (const topic of topics) this.#cursors[topic] = cursor;
  }

  #receive<T extends Topic>(topic: T): (data: Tracked<T>) => void {
    return ({ id, data }) => {
      this.#cursors[topic] = id;
      // The compiler cannot see that a topic and its events stay paired through a type parameter.
      this.#options.onEvent({ topic, event: data } as unknown as RoomFeedEvent, id);
    };
  }

  /** Subscribes, and again after a back-off whenever the subscription ends by itself, until stopped. */
  #keep<T>(subscribe: Subscribe<T>, onData: (data: T) => void, attempt = 0): void {
    const { signal } = this.#running;
    let answered = false;
    const again = async (): Promise<void> => {
      const next = answered ? 0 : attempt + 1;
      await delay(fullJitter(next), signal);
      if (!signal.aborted) this.#keep(subscribe, onData, next);
    };
    const onError = (thrown: unknown): void => {
      if (signal.aborted) return;
      const error = toFlyLiveError(thrown);
      if (error.retryable) void again();
      else this.#options.onRefused(error);
    };
    try {
      const subscription = subscribe({
        onData: (data) => {
          answered = true;
          if (!signal.aborted) onData(data);
        },
        onError,
        onComplete: () => void again(),
      });
      signal.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
    } catch (error) {
      onError(error ?? localError('CONNECTION_LOST'));
    }
  }
}

/** What tRPC delivers for a tracked event. */
interface Tracked<T extends Topic> {
  readonly id: string;
  readonly data: FeedEvent<T>;
}

interface TrackedOutcome {
  readonly id: string;
  readonly data: { readonly type: 'subscribed' } | GiftOutcome;
}
