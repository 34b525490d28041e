import type { UserId } from '../../core/ids.ts';

/**
 * How many parts the queue has; each is settled by one node at a time, one batch at a time. May be changed only while no
 * gift is pending or under review, since it decides where a sender's gifts are.
 */
const shardCount = 8;

export const giftShards: readonly number[] = Array.from({ length: shardCount }, (_, shard) => shard);

/** All gifts of one sender are in one shard, so that they stay in order. */
export function giftShardOf(senderId: UserId): number {
  return senderId % shardCount;
}
