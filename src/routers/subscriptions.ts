import { tracked, type TrackedEnvelope } from '@trpc/server';
import { AppError } from '../core/errors.ts';
import type { FeedEvent, RoomActivity, Topic } from '../core/events.ts';
import type { EventId } from '../core/ids.ts';
import type { Connection } from '../services/connections.ts';
import type { BroadcastSubscriber } from '../services/event-broadcast.ts';
import type { Services } from '../services/index.ts';
import type { LocalMember } from '../services/local-room.ts';
import type { ActivityWatcher } from '../services/room-activity.ts';
import { HandOver } from './hand-over.ts';

interface SubscriptionCall {
  readonly ctx: { readonly services: Services; readonly connection: Connection; readonly member: LocalMember };
  readonly signal: AbortSignal | undefined;
}

/**
 * A subscription to one topic of a room's log, for as long as the membership lasts: `subscribed` at once, then what was
 * missed after `lastEventId`, then, by the room's broadcast, what comes.
 *
 * @throws AppError NOT_IN_ROOM or SESSION_REPLACED when the membership ends before the subscription does
 */
export async function* deliverEvents<T extends Topic>(
  topic: T,
  { ctx, input, signal }: SubscriptionCall & { readonly input: { readonly lastEventId?: EventId | null | undefined } },
): AsyncGenerator<TrackedEnvelope<FeedEvent<T>>, void> {
  const { member, services } = ctx;
  const { feed, events } = member.room;
  const filter = { topic, userId: member.userId };
  using _counted = countSubscription(ctx);
  let cursor = input.lastEventId ?? feed.head;
  yield tracked(cursor, { type: 'subscribed' });

  while (signal?.aborted === false && !member.end.signal.aborted) {
    const missed = services.replay.catchUp(feed, filter, cursor);
    let step = await missed.next();
    for (; step.done !== true; step = await missed.next()) yield tracked(step.value.id, step.value.event);
    cursor = step.value;

    const { promise: gap, resolve: onGap } = Promise.withResolvers<EventId>();
    let subscriber: BroadcastSubscriber | null = null;
    const handOver = new HandOver((sink, requestId) => {
      subscriber = { sink, requestId, filter, onGap };
      if (!events.attach(subscriber, cursor)) onGap(cursor);
    });
    try {
      yield handOver as never;
      cursor = (await Promise.race([gap, endOf(signal, member)])) ?? cursor;
    } finally {
      if (subscriber !== null) events.detach(subscriber);
    }
  }
  requireMember(ctx, signal);
}

/** The newest activity of a room, for as long as the membership lasts. */
export async function* deliverActivity({ ctx, signal }: SubscriptionCall): AsyncGenerator<RoomActivity, void> {
  using _counted = countSubscription(ctx);
  const { activity } = ctx.member.room;
  let watcher: ActivityWatcher | null = null;
  try {
    yield new HandOver((sink, requestId) => {
      watcher = { sink, requestId };
      activity.watch(watcher);
    }) as never;
    await endOf(signal, ctx.member);
  } finally {
    if (watcher !== null) activity.unwatch(watcher);
  }
  requireMember(ctx, signal);
}

/** Holds one of the connection's places for subscriptions. @throws AppError TOO_MANY_SUBSCRIPTIONS */
function countSubscription({ connection }: SubscriptionCall['ctx']): Disposable {
  return { [Symbol.dispose]: connection.addSubscription() };
}

/** Resolves when the client unsubscribes or is gone, or the membership is over. */
function endOf(signal: AbortSignal | undefined, { end }: LocalMember): Promise<null> {
  return new Promise((resolve) => {
    const finish = (): void => {
      signal?.removeEventListener('abort', finish);
      end.signal.removeEventListener('abort', finish);
      resolve(null);
    };
    if (signal?.aborted === true || end.signal.aborted) return resolve(null);
    signal?.addEventListener('abort', finish);
    end.signal.addEventListener('abort', finish);
  });
}

/** Says why the subscription ended, unless the client ended it. */
function requireMember({ connection, member }: SubscriptionCall['ctx'], signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) return;
  connection.memberOf(member.roomId);
  throw new AppError('NOT_IN_ROOM');
}
