import type { Topic } from '../core/events.ts';
import type { EventId } from '../core/ids.ts';
import type { BroadcastSubscriber } from './event-broadcast.ts';
import type { EventReplay } from './event-replay.ts';
import type { FeedFilter } from './room-feed.ts';
import { RoomSubscription, type RoomSubscriptionOptions } from './room-subscription.ts';

export interface EventSubscriptionOptions extends RoomSubscriptionOptions {
  readonly topic: Topic;
  readonly replay: EventReplay;
}

/** A subscription to one topic of a room's log: first what was missed, by the replay, then what comes, by the broadcast. */
export class EventSubscription extends RoomSubscription implements BroadcastSubscriber {
  readonly filter: FeedFilter;
  readonly #replay: EventReplay;

  constructor({ topic, replay, ...options }: EventSubscriptionOptions) {
    super(options);
    this.filter = { topic, userId: this.member.userId };
    this.#replay = replay;
  }

  /** Writes what comes after `cursor`. Fails the subscription, and never throws, when the log cannot be read. */
  async follow(cursor: EventId): Promise<void> {
    const { feed, events } = this.member.room;
    try {
      while (!this.over) {
        const reached = await this.#replay.writePage(feed, this, cursor);
        if (reached === null || this.over) return;
        const upToDate = reached === cursor;
        cursor = reached;
        // Memory may have moved on past the cursor meanwhile.
        if (upToDate && events.attach(this, cursor)) return;
      }
    } catch (error) {
      this.fail(error);
    }
  }

  goBack(cursor: EventId): void {
    void this.follow(cursor);
  }

  protected override detach(): void {
    this.member.room.events.detach(this);
  }
}
