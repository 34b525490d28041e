import { tracked, type TrackedEnvelope } from '@trpc/server';
import { AppError } from '../core/errors.ts';
import type { FeedEvent, GiftOutcome, RoomActivity, Topic } from '../core/events.ts';
import { compareEventIds, type EventId } from '../core/ids.ts';
import type { UserProfile } from '../core/model.ts';
import { ActivitySubscription } from '../services/activity-subscription.ts';
import type { Connection } from '../services/connections.ts';
import { EventSubscription } from '../services/event-subscription.ts';
import type { Services } from '../services/index.ts';
import type { LocalMember } from '../services/local-room.ts';
import type { RoomSubscriptionOptions } from '../services/room-subscription.ts';
import { type HandedOver, HandOver } from './hand-over.ts';

interface SubscriptionCall {
  readonly ctx: { readonly services: Services; readonly connection: Connection; readonly member: LocalMember };
  readonly path: string;
}

/**
 * A subscription to one topic of a room's log, for as long as the membership lasts: `subscribed` at once, then what was
 * missed after `lastEventId`, then what comes. All but `subscribed` is written to the socket by the room's replay and
 * broadcast; the subscription ends with NOT_IN_ROOM or SESSION_REPLACED when the membership does.
 *
 * @throws AppError TOO_MANY_SUBSCRIPTIONS; BAD_INPUT when the request id is in use
 */
export async function* deliverEvents<T extends Topic>(
  topic: T,
  call: SubscriptionCall & { readonly input: { readonly lastEventId?: EventId | null | undefined } },
): AsyncGenerator<TrackedEnvelope<FeedEvent<T>>, void> {
  const { member, services } = call.ctx;
  const { head } = member.room.feed;
  // This node may not have read up to where the membership began.
  const now = compareEventIds(member.since, head) > 0 ? member.since : head;
  const cursor = call.input.lastEventId ?? now;
  yield* handOver(call, {
    first: tracked(cursor, { type: 'subscribed' }),
    begin: (options) => {
      const subscription = new EventSubscription({ ...options, topic, replay: services.replay });
      void subscription.follow(cursor);
      return subscription;
    },
  });
}

/** The newest activity of a room, for as long as the membership lasts. */
export async function* deliverActivity(call: SubscriptionCall): AsyncGenerator<RoomActivity, void> {
  yield* handOver(call, {
    begin: (options) => {
      const subscription = new ActivitySubscription(options);
      subscription.watch();
      return subscription;
    },
  });
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

/** Lets the socket take the subscription over, as one of the connection's, after what it yields first. */
function* handOver<First = never>(
  { ctx: { connection, member }, path }: SubscriptionCall,
  { first, begin }: { readonly first?: First; readonly begin: (options: RoomSubscriptionOptions) => HandedOver },
): Generator<First, void> {
  const onOver = connection.addSubscription();
  const marker = new HandOver((sink, requestId) => {
    // The membership may have ended since the call was admitted, or another one taken its place.
    return begin({ member: connection.memberOf(member.roomId), sink, requestId, path, onOver });
  });
  try {
    if (first !== undefined) yield first;
    yield marker as never;
  } finally {
    if (!marker.taken) onOver();
  }
  if (!marker.taken) throw new AppError('BAD_INPUT', { message: 'A subscription with this id is open already' });
}

/** Holds one of the connection's places for subscriptions. @throws AppError TOO_MANY_SUBSCRIPTIONS */
function countSubscription({ connection }: Pick<SubscriptionCall['ctx'], 'connection'>): Disposable {
  return { [Symbol.dispose]: connection.addSubscription() };
}
