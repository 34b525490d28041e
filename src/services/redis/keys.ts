import type { NodeId, RoomId, UserId } from '../../core/ids.ts';

/**
 * The one list of Redis key names; docs/REDIS_KEYS.md describes their contents.
 *
 * The keys of one room share the hash tag `{roomId}`, so that a script over them runs on one slot of Redis Cluster.
 */

/** The keys that every room script gets, in the order of lua/includes/room.lua. */
export function roomKeys(roomId: RoomId): string[] {
  return [
    `room:state:{${roomId}}`,
    `room:profiles:{${roomId}}`,
    `room:sessions:{${roomId}}`,
    `room:roster:{${roomId}}`,
    `room:away:{${roomId}}`,
    `room:seats:{${roomId}}`,
    `room:producers:{${roomId}}`,
    `room:events:{${roomId}}`,
    `room:chat:{${roomId}}`,
    `room:chat-sent:{${roomId}}`,
    `room:roles:{${roomId}}`,
    `room:requests:{${roomId}}`,
    `room:invitations:{${roomId}}`,
    `room:locked-seats:{${roomId}}`,
    `room:muted-speakers:{${roomId}}`,
    `room:muted-chatters:{${roomId}}`,
    `room:chat-times:{${roomId}}`,
    `room:bans:{${roomId}}`,
  ];
}

/** The role that a user was given a moment ago; not one of {@link roomKeys}, since it concerns one user and ends by itself. */
export const roleChangeKey = (roomId: RoomId, userId: UserId): string => `room:role-change:{${roomId}}:${userId}`;

export const roomStateKey = (roomId: RoomId): string => `room:state:{${roomId}}`;
export const roomRosterKey = (roomId: RoomId): string => `room:roster:{${roomId}}`;
export const roomMutedSpeakersKey = (roomId: RoomId): string => `room:muted-speakers:{${roomId}}`;
export const roomSeatsKey = (roomId: RoomId): string => `room:seats:{${roomId}}`;
export const roomEventsKey = (roomId: RoomId): string => `room:events:{${roomId}}`;
export const roomChatKey = (roomId: RoomId): string => `room:chat:{${roomId}}`;
/** Pub/sub channel on which a room's events are announced as they are logged. */
export const roomFeedChannel = (roomId: RoomId): string => `room:feed:{${roomId}}`;

/** Counts the joins of all rooms as they arrive; never reset, or an older one could win over a newer one. */
export const joinArrivalsKey = 'joins:arrived';
/** Set of the rooms that are open on any node. */
export const liveRoomsKey = 'rooms:live';
/** Hash of closed rooms, of whose end Laravel has not been told yet, by id: when they closed, ms. */
export const unreportedRoomsKey = 'rooms:unreported';
/** Sorted set of node ids by their last heartbeat, ms. */
export const nodesKey = 'nodes';
/** Set of the rooms that a node has had members in. */
export const nodeRoomsKey = (nodeId: NodeId): string => `node:rooms:${nodeId}`;

/** Pub/sub channel on which nodes tell each other that what they remember is out of date. */
export const controlChannel = 'control';
/** Whether an event that Laravel has sent is being applied or was. */
export const laravelEventKey = (eventId: string): string => `laravel:event:${eventId}`;

/** Pub/sub channel on which each node says which reactions its clients have made lately, of all rooms together. */
export const reactionsChannel = 'reactions';

/** How often a user has done something in the running minute; the tag keeps it beside the user's own limits. */
export const rateCounterKey = (name: string, userId: UserId): string => `rate:${name}:{${userId}}`;
/** Hash of the limits that an operator has set for a user, uses a minute by name. */
export const rateOverridesKey = (userId: UserId): string => `rate:limits:{${userId}}`;

export const tokenCacheKey = (tokenHash: string): string => `auth:token:${tokenHash}`;
export const revokedTokenKey = (tokenHash: string): string => `auth:revoked:${tokenHash}`;
export const revokedUserKey = (userId: UserId): string => `auth:revoked:user:${userId}`;

/*
 * Gifts are spread over shards by their sender (gift-shards.ts); the tag keeps all of a shard in one slot.
 */

/** Stream of gifts that Laravel has not decided yet. */
export const pendingGiftsKey = (shard: number): string => `{gifts:${shard}}:pending`;
/** Stream of gifts that wait for an operator. */
export const reviewGiftsKey = (shard: number): string => `{gifts:${shard}}:review`;
/** The node that settles the shard now. */
export const giftLeaseKey = (shard: number): string => `{gifts:${shard}}:lease`;
export const giftTransactionKey = (shard: number, transactionId: string): string =>
  `{gifts:${shard}}:transaction:${transactionId}`;
/** Stream of the final words on a sender's gifts. */
export const giftOutcomesKey = (shard: number, senderId: string | number): string =>
  `{gifts:${shard}}:outcomes:${senderId}`;
/** Up to where the sender has said to have seen the outcomes. */
export const giftAcknowledgedKey = (shard: number, senderId: string | number): string =>
  `{gifts:${shard}}:acknowledged:${senderId}`;
/** Who used a transaction id first, on whatever shard. */
export const giftSenderKey = (transactionId: string): string => `gift:sender:${transactionId}`;
/** Pub/sub channel that names senders with new outcomes. */
export const giftOutcomesChannel = 'gifts:outcomes';
