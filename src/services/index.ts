import type { RtpCapabilities } from 'mediasoup/types';
import type { WorkerPool } from '../media/worker-pool.ts';
import type { Chat } from './chat.ts';
import type { EventReplay } from './event-replay.ts';
import type { GiftOutcomes } from './gifts/gift-outcomes.ts';
import type { GiftReview } from './gifts/gift-review.ts';
import type { GiftSettlement } from './gifts/gift-settlement.ts';
import type { Gifts } from './gifts/gifts.ts';
import type { IceServers } from './ice-servers.ts';
import type { MemberAudio } from './member-audio.ts';
import type { Members } from './members.ts';
import type { Moderation } from './moderation.ts';
import type { RoomDirectory } from './room-directory.ts';
import type { RoomStore } from './room-store.ts';
import type { RateLimitOverrides } from './rate-limit-overrides.ts';
import type { Reactions } from './reactions.ts';
import type { RevocationList } from './revocation.ts';
import type { RoomOverview } from './room-overview.ts';
import type { RoomWatch } from './room-watch.ts';
import type { Seats } from './seats.ts';

/** What procedures call. */
export interface Services {
  readonly directory: RoomDirectory;
  readonly store: RoomStore;
  readonly members: Members;
  readonly seats: Seats;
  readonly moderation: Moderation;
  readonly media: MemberAudio;
  readonly chat: Chat;
  readonly gifts: Gifts;
  readonly giftOutcomes: GiftOutcomes;
  readonly giftReview: GiftReview;
  readonly giftSettlement: GiftSettlement;
  readonly reactions: Reactions;
  readonly revocations: RevocationList;
  readonly rateLimits: RateLimitOverrides;
  readonly overview: RoomOverview;
  readonly watch: RoomWatch;
  readonly replay: EventReplay;
  readonly workers: WorkerPool;
  /** The same for every router of every worker. */
  readonly rtpCapabilities: RtpCapabilities;
  readonly iceServers: IceServers;
  /** How long a lost socket's session is kept, ms. */
  readonly graceMs: number;
}
