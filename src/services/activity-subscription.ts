import type { ActivityWatcher } from './room-activity.ts';
import { RoomSubscription } from './room-subscription.ts';

/** A subscription to a room's activity: the newest state only. */
export class ActivitySubscription extends RoomSubscription implements ActivityWatcher {
  /** Writes the state now and each newer one. */
  watch(): void {
    this.member.room.activity.watch(this);
  }

  protected override detach(): void {
    this.member.room.activity.unwatch(this);
  }
}
