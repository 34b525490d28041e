import type { TRPCClientError } from '@trpc/client';
import type { AppCode } from '../../src/core/errors.ts';
import type { FeedEvent, Topic } from '../../src/core/events.ts';
import type { AppRouter } from '../../src/routers/index.ts';
import { toRefusal } from './client.ts';
import type { TestMember } from './members.ts';

/** What a subscription has delivered so far. */
export interface Following<T extends Topic> extends Disposable {
  /** Everything but `subscribed`, oldest first. */
  readonly events: readonly FeedEvent<T>[];
  /** The cursor to resume from. */
  readonly cursor: string;
  /** Why the subscription was ended by the server; null while it was not. */
  readonly refusal: AppCode | null;
  /** Types of the events, oldest first. */
  types(): string[];
  /** The events of one type. */
  of<Type extends FeedEvent<T>['type']>(type: Type): Extract<FeedEvent<T>, { type: Type }>[];
}

interface Handlers<T extends Topic> {
  readonly onData: (item: { readonly id: string; readonly data: FeedEvent<T> }) => void;
  readonly onError: (error: TRPCClientError<AppRouter>) => void;
}

type Subscribe<T extends Topic> = (
  input: { roomId: string; lastEventId?: string },
  handlers: Handlers<T>,
) => { unsubscribe(): void };

/**
 * Subscribes to a topic of a member's room.
 *
 * @param lastEventId - resume after this event; from now on by default
 * @returns once the subscription runs, so that nothing later is missed
 */
export async function follow<T extends Topic>(
  { trpc, roomId }: Pick<TestMember, 'trpc' | 'roomId'>,
  topic: T,
  lastEventId?: string,
): Promise<Following<T>> {
  const events: FeedEvent<T>[] = [];
  let cursor = lastEventId ?? '';
  let refused: AppCode | null = null;
  const started = Promise.withResolvers<undefined>();

  const procedures: Record<Topic, { readonly subscribe: unknown }> = {
    room: trpc.room.onEvent,
    media: trpc.media.onEvent,
    chat: trpc.chat.onMessage,
    gift: trpc.gift.onEvent,
  };
  // Each topic's procedure delivers that topic's events, which a look-up by a type parameter cannot show.
  const subscribe = procedures[topic].subscribe as Subscribe<T>;
  const subscription = subscribe(lastEventId === undefined ? { roomId } : { roomId, lastEventId }, {
    onData: ({ id, data }) => {
      cursor = id;
      if (data.type === 'subscribed') started.resolve(undefined);
      else events.push(data);
    },
    onError: (error) => {
      refused = toRefusal(error)?.code ?? null;
      started.reject(error);
    },
  });
  await started.promise;
  return {
    events,
    get cursor() {
      return cursor;
    },
    get refusal() {
      return refused;
    },
    types: () => events.map(({ type }) => type),
    // TypeScript cannot see through an extraction from a type parameter.
    of: ((type: string) => events.filter((event) => event.type === type)) as Following<T>['of'],
    [Symbol.dispose]: () => subscription.unsubscribe(),
  };
}
