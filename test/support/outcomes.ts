import type { GiftOutcome } from '../../src/core/events.ts';
import type { TestClient } from './client.ts';

/** The final words on a user's gifts that a connection was told, oldest first. */
export interface FollowedOutcomes extends Disposable {
  readonly outcomes: readonly GiftOutcome[];
  /** The cursor to resume from. */
  readonly cursor: string;
}

/**
 * Subscribes to the outcomes of the connection's user.
 *
 * @param lastEventId - resume after this one; after what was acknowledged by default
 * @returns once the subscription runs
 */
export async function followOutcomes(
  { trpc }: Pick<TestClient, 'trpc'>,
  lastEventId: string | null = null,
): Promise<FollowedOutcomes> {
  const outcomes: GiftOutcome[] = [];
  let cursor = lastEventId ?? '';
  const started = Promise.withResolvers<undefined>();
  const subscription = trpc.gift.onOutcome.subscribe(
    { lastEventId },
    {
      onData: ({ id, data }) => {
        cursor = id;
        if (data.type === 'subscribed') started.resolve(undefined);
        else outcomes.push(data);
      },
      onError: (error) => started.reject(error),
    },
  );
  await started.promise;
  return {
    outcomes,
    get cursor() {
      return cursor;
    },
    [Symbol.dispose]: () => subscription.unsubscribe(),
  };
}
