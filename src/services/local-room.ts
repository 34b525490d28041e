import { type AppCode, AppError } from '../core/errors.ts';
import type { LeaveReason } from '../core/events.ts';
import { compareEventIds, type EventId, type RoomId, type SessionId, type UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { OpusSettings } from '../core/model.ts';
import type { RoomMedia } from '../media/room-media.ts';
import type { Connection } from './connections.ts';
import { EventBroadcast } from './event-broadcast.ts';
import { RoomActivityBroadcast } from './room-activity.ts';
import type { FeedEntry, RoomFeed } from './room-feed.ts';
import type { Standing, Standings } from './room-store.ts';
import type { RoomSubscription } from './room-subscription.ts';
import type { WireFormat } from './wire-format.ts';

/** What a connection is told when its membership has ended. */
const leaveCodes = {
  left: 'NOT_IN_ROOM',
  disconnected: 'NOT_IN_ROOM',
  kicked: 'KICKED',
  banned: 'BANNED',
} as const satisfies Record<LeaveReason, AppCode>;

/** A membership whose media is in this process. Its connection is null while the socket is lost. */
export interface LocalMember {
  readonly roomId: RoomId;
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly room: LocalRoom;
  /** Position of the log at which the membership began; older events do not concern it. */
  readonly since: EventId;
  /** What the member is subscribed to; ended with the membership. */
  readonly subscriptions: Set<RoomSubscription>;
  connection: Connection | null;
  /** Address of the newest connection. */
  address: string | null;
}

export interface LocalRoomOptions {
  readonly feed: RoomFeed;
  readonly opus: OpusSettings;
  readonly media: RoomMedia;
  readonly wire: WireFormat;
  /** Events that the room's log keeps at least. */
  readonly logLength: number;
  readonly countMembers: () => Promise<number>;
  /** Called once for each member after all it held here is closed. */
  readonly onMemberGone: (member: LocalMember) => void;
  /** Called when events that may concern members were lost: Redis must be asked, for {@link LocalRoom.settle}. */
  readonly onEventsLost: () => void;
  readonly logger: Logger;
}

/**
 * What this process holds of a room: the feed of its events, its media and the members connected here.
 *
 * It follows the event log: when Redis says that a member, a seat or the room is gone, from whatever node, what this
 * process holds for it is closed. Where the log has a hole, it asks Redis how the members stand.
 */
export class LocalRoom {
  readonly roomId: RoomId;
  readonly feed: RoomFeed;
  /** How its speakers encode. */
  readonly opus: OpusSettings;
  /** Writes the room's events to the sockets of this process. */
  readonly events: EventBroadcast;
  /** Writes levels and counts to the sockets of this process. */
  readonly activity: RoomActivityBroadcast;
  readonly #members = new Map<SessionId, LocalMember>();
  readonly #onMemberGone: (member: LocalMember) => void;
  readonly #onEventsLost: () => void;
  readonly #stopListening: (() => void)[];
  #media: RoomMedia;
  #closed = false;

  constructor({
    feed,
    opus,
    media,
    wire,
    logLength,
    countMembers,
    onMemberGone,
    onEventsLost,
    logger,
  }: LocalRoomOptions) {
    this.roomId = feed.roomId;
    this.feed = feed;
    this.opus = opus;
    this.events = new EventBroadcast(feed, wire, logLength);
    const onWatched = (watched: boolean) => this.#media.watchQuality(watched);
    this.activity = new RoomActivityBroadcast({ feed, wire, countMembers, onWatched, logger });
    this.#media = media;
    this.#onMemberGone = onMemberGone;
    this.#onEventsLost = onEventsLost;
    this.#stopListening = [feed.on('entry', (entry) => this.#follow(entry)), feed.on('gap', onEventsLost)];
    this.useMedia(media);
  }

  /** Routers, transports, producers and consumers of the room on this node. */
  get media(): RoomMedia {
    return this.#media;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Puts media in the place of what a worker took with it when it died. */
  useMedia(media: RoomMedia): void {
    this.#media = media;
    this.activity.setLevels([]);
    this.activity.setForwarded([]);
    this.activity.setQualities([]);
    media.watchQuality(this.activity.watched);
    media.on('levels', (levels) => this.activity.setLevels(levels));
    media.on('forwarded', (userIds) => this.activity.setForwarded(userIds));
    media.on('qualities', (qualities) => this.activity.setQualities(qualities));
  }

  get members(): readonly LocalMember[] {
    return [...this.#members.values()];
  }

  member(sessionId: SessionId): LocalMember | null {
    return this.#members.get(sessionId) ?? null;
  }

  /** Adds a member whose membership is in Redis already, and catches up with what happened to it since. */
  add(member: LocalMember): void {
    this.#members.set(member.sessionId, member);
    const missed = this.feed.after(member.since);
    if (missed === null) this.#onEventsLost();
    else for (const entry of missed) this.#follow(entry);
  }

  /**
   * Does to members what lost events would have done.
   *
   * @param members - those who were here when Redis was asked
   * @param standings - what it answered
   * @returns false when that is out of date already: ask again
   */
  settle(members: readonly LocalMember[], { open, cursor, of }: Standings): boolean {
    const news = this.feed.after(cursor);
    if (news === null) return false;
    const changed = changesOf(news);
    for (const member of members) {
      const { userId, sessionId } = member;
      if (this.#members.get(sessionId) !== member) continue;
      const standing = of.get(userId);
      if (standing?.sessionId !== sessionId) {
        this.#end(member, endOf(open, standing));
        continue;
      }
      if (!(changed.seated.get(userId) ?? standing.seated)) this.media.closeProducersOf(userId);
      this.media.setMutedByHost(userId, changed.muted.get(userId) ?? standing.mutedByHost);
    }
    return true;
  }

  /** Gives up everything; memberships stay in Redis. */
  close(): void {
    this.#closed = true;
    for (const stop of this.#stopListening) stop();
    this.events.close();
    this.activity.close();
    this.#members.clear();
  }

  #follow(entry: FeedEntry): void {
    const { event } = entry;
    switch (event.type) {
      case 'userLeft':
        this.#remove((member) => member.userId === event.userId, entry, leaveCodes[event.reason]);
        break;
      case 'sessionReplaced':
        this.#remove((member) => member.sessionId === event.sessionId, entry, 'SESSION_REPLACED');
        break;
      case 'roomClosed':
        this.#remove(() => true, entry, 'ROOM_CLOSED');
        break;
      // Who leaves a seat loses the producers of it, and not one that was made in a new seat since.
      case 'producerClosed':
        this.media.dropProducer(event.producerId);
        break;
      case 'speakerMuteChanged':
        this.media.setMutedByHost(event.userId, event.muted);
        break;
      // What was true when the producer was made may have changed before it was recorded.
      case 'producerOpened':
        this.media.setMutedByHost(event.producer.userId, event.mutedByHost);
        break;
    }
  }

  #remove(concerns: (member: LocalMember) => boolean, entry: FeedEntry, reason: AppCode): void {
    for (const member of this.#members.values()) {
      if (concerns(member) && compareEventIds(entry.id, member.since) > 0) this.#end(member, reason);
    }
  }

  #end(member: LocalMember, reason: AppCode): void {
    this.#members.delete(member.sessionId);
    this.media.closeSession(member.sessionId);
    member.connection?.endMembership(member, reason);
    member.connection = null;
    for (const subscription of member.subscriptions) subscription.fail(new AppError(reason));
    this.#onMemberGone(member);
  }
}

/** Who got or lost a seat, and who was muted or unmuted, in the end. */
function changesOf(entries: readonly FeedEntry[]) {
  const seated = new Map<UserId, boolean>();
  const muted = new Map<UserId, boolean>();
  for (const { event } of entries) {
    if (event.type === 'seatTaken') seated.set(event.userId, true);
    if (event.type === 'seatLeft') seated.set(event.userId, false);
    if (event.type === 'speakerMuteChanged') muted.set(event.userId, event.muted);
  }
  return { seated, muted };
}

/** Why a session is over, as far as can be told afterwards. */
function endOf(open: boolean, standing: Standing | undefined): AppCode {
  if (!open) return 'ROOM_CLOSED';
  if (standing?.banned === true) return 'BANNED';
  return (standing?.sessionId ?? null) === null ? 'NOT_IN_ROOM' : 'SESSION_REPLACED';
}
