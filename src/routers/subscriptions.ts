import { tracked, type TrackedEnvelope } from '@trpc/server';
import { AppError } from '../core/errors.ts';
import type { FeedEvent, GiftOutcome, RoomActivity, Topic } from '../core/events.ts';
import type { EventId } from '../core/ids.ts';
import type { UserProfile } from '../core/model.ts';
import type { Connection } from '../services/connections.ts';
import type { BroadcastSubscriber } from '../services/event-broadcast.ts';
import type { Services } from '../services/index.ts';
import type { LocalMember } from '../services/local-room.ts';
import { type HandedOver, HandOver } from './hand-over.ts';

interface SubscriptionCall {
  readonly ctx: { readonly services: Services; readonly connection: Connection; readonly member: LocalMember };
  readonly signal: AbortSignal | undefined;
}

/**
 * A subscription to one topic of a room's log, for as long as the membership lasts: `subscribed` at once, then what was
 * missed after `lastEventId`, then what comes. All but `subscribed` is written to the socket by the room's replay and
 * broadcast.
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
  const socket = yield* handOver();
  if (socket === null) return;
  let cursor = input.lastEventId ?? feed.head;
  yield tracked(cursor, { type: 'subscribed' });

  const ended = endOf(signal, member);
  while (signal?.aborted === false && !member.end.signal.aborted) {
    const { promise: gap, resolve: onGap } = Promise.withResolvers<EventId>();
    const subscriber: BroadcastSubscriber = { ...socket, filter, onGap };
    const reached = await services.replay.writePage(feed, subscriber, cursor);
    if (reached === null) return;
    const upToDate = reached === cursor;
    cursor = reached;
    // Memory may have moved on past the cursor meanwhile.
    if (!upToDate || !events.attach(subscriber, cursor)) continue;
    try {
      cursor = (await Promise.race([gap, ended])) ?? cursor;
    } finally {
      events.detach(subscriber);
    }
  }
  requireMember(ctx, signal);
}

/** What `gift.onOutcome` delivers: first of all `subscribed`, so that a cursor exists at once. */
type OutcomeEvent = { readonly type: 'subscribed' } | GiftOutcome;

/** The final words on the caller's gifts after the cursor, or else after what was acknowledged, and those that come. */
export async function* deliverOutcomes({
  ctx,
  input,
  signal,
}: {
  readonly ctx: { readonly services: Services; readonly connection: Connection; readonly user: UserProfile };
  readonly input: { readonly lastEventId?: EventId | null | undefined };
  readonly signal: AbortSignal | undefined;
}): AsyncGenerator<TrackedEnvelope<OutcomeEvent>, void> {
  using _counted = countSubscription(ctx);
  const { giftOutcomes } = ctx.services;
  const cursor = input.lastEventId ?? (await giftOutcomes.acknowledged(ctx.user.id));
  yield tracked(cursor, { type: 'subscribed' });
  if (signal === undefined) return;
  for await (const { id, outcome } of giftOutcomes.follow(ctx.user.id, cursor, signal)) yield tracked(id, outcome);
}

/** The newest activity of a room, for as long as the membership lasts. */
export async function* deliverActivity({ ctx, signal }: SubscriptionCall): AsyncGenerator<RoomActivity, void> {
  using _counted = countSubscription(ctx);
  const { activity } = ctx.member.room;
  const watcher = yield* handOver();
  if (watcher === null) return;
  activity.watch(watcher);
  try {
    await endOf(signal, ctx.member);
  } finally {
    activity.unwatch(watcher);
  }
  requireMember(ctx, signal);
}

/** Asks for the socket under a subscription; null when it is closing. */
function* handOver(): Generator<never, HandedOver | null> {
  let taken: HandedOver | null = null;
  yield new HandOver((sink, requestId) => (taken = { sink, requestId })) as never;
  return taken;
}

/** Holds one of the connection's places for subscriptions. @throws AppError TOO_MANY_SUBSCRIPTIONS */
function countSubscription({ connection }: Pick<SubscriptionCall['ctx'], 'connection'>): Disposable {
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
