import { tracked, type TrackedEnvelope } from '@trpc/server';
import { AppError } from '../core/errors.ts';
import type { FeedEvent, RoomActivity, Topic } from '../core/events.ts';
import type { EventId } from '../core/ids.ts';
import type { Services } from '../services/index.ts';
import type { Connection } from '../services/connections.ts';
import type { LocalMember } from '../services/local-room.ts';

interface SubscriptionCall {
  readonly ctx: { readonly services: Services; readonly connection: Connection; readonly member: LocalMember };
  readonly signal: AbortSignal | undefined;
}

/**
 * A subscription to one topic of a room's log, for as long as the membership lasts.
 *
 * @throws AppError NOT_IN_ROOM or SESSION_REPLACED when the membership ends before the subscription does
 */
export async function* deliverEvents<T extends Topic>(
  topic: T,
  { ctx, input, signal }: SubscriptionCall & { readonly input: { readonly lastEventId?: EventId | null | undefined } },
): AsyncGenerator<TrackedEnvelope<FeedEvent<T>>, void> {
  const { member, connection, services } = ctx;
  const ended = endOf(signal);
  const events = services.events.follow({
    feed: member.room.feed,
    filter: { topic, userId: member.userId },
    cursor: input.lastEventId ?? null,
    signal: ended,
  });
  for await (const { id, event } of events) {
    yield tracked(id, event);
    // What ends the membership is the last thing it is told.
    if (connection.member !== member) connection.memberOf(member.roomId);
  }
}

/** The newest activity of a room, for as long as the membership lasts. */
export async function* deliverActivity({ ctx, signal }: SubscriptionCall): AsyncGenerator<RoomActivity, void> {
  const { member, connection, services } = ctx;
  for await (const activity of services.activity.follow(member.room, endOf(signal))) {
    if (connection.member !== member) connection.memberOf(member.roomId);
    yield activity;
  }
}

/** tRPC gives every subscription a signal; its type allows for none. */
function endOf(signal: AbortSignal | undefined): AbortSignal {
  if (signal === undefined) throw new AppError('INTERNAL', { message: 'A subscription came without a signal' });
  return signal;
}
