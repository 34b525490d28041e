import { deliverActivity, deliverEvents } from './subscriptions.ts';
import {
  banInput,
  bansInput,
  closeRoomInput,
  joinInput,
  memberInput,
  participantsInput,
  reactInput,
  roomInput,
  subscriptionInput,
} from './schemas.ts';
import { memberProcedure, router, userProcedure } from './trpc.ts';

export const roomRouter = router({
  /** The rooms that can be joined. */
  list: userProcedure.query(({ ctx }) => ctx.services.directory.list()),

  /** The state of an open room, for whoever thinks of joining. */
  get: userProcedure.input(roomInput).query(({ ctx, input }) => ctx.services.store.read(input.roomId, ctx.user.id)),

  /** Joins, or continues a session after a lost socket; answers all that a client needs to show and hear the room. */
  join: userProcedure.input(joinInput).mutation(async ({ ctx, input }) => {
    const { members, media, iceServers, rtpCapabilities, graceMs } = ctx.services;
    const { membership, snapshot, room } = await members.join(ctx.connection, input.roomId, input.sessionId ?? null);
    // A session that goes on has its transports.
    const capabilities = membership.resumed ? undefined : input.rtpCapabilities;
    return {
      ...membership,
      user: ctx.user,
      snapshot,
      /** Null when the call brought no capabilities, the session goes on, or there is no audio right now. */
      media: capabilities
        ? await media.offer(ctx.connection.memberOf(input.roomId), snapshot.producers, capabilities)
        : null,
      rtpCapabilities,
      /** Of a session that goes on: its transports that are still there; a worker may have taken others along. */
      transportIds: membership.resumed ? room.media.transportIdsOf(membership.sessionId) : [],
      /** STUN and TURN servers; none are needed where the client reaches the announced address. */
      iceServers: iceServers.issueTo(ctx.user.id),
      /** How the room's speakers are asked to encode. */
      opus: room.opus,
      gracePeriodMs: graceMs,
    };
  }),

  /** Ends the membership and all it holds. */
  leave: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.members.leave(ctx.member)),

  /** Members by time of joining, a page a call. */
  participants: memberProcedure.input(participantsInput).query(({ ctx, input }) => {
    return ctx.services.store.listParticipants(input.roomId, input.cursor ?? null, input.limit);
  }),

  /** Hosts: ends somebody's membership, who may join again. */
  kick: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.moderation.kick(ctx.actor, input.userId)),

  /** Hosts: keeps a user out, for a time or for good. */
  ban: memberProcedure.input(banInput).mutation(({ ctx, input: { userId, durationSeconds, reason } }) => {
    const durationMs = durationSeconds === undefined ? null : durationSeconds * 1_000;
    return ctx.services.moderation.ban(ctx.actor, userId, durationMs, reason ?? null);
  }),

  /** Hosts: lifts a ban. */
  unban: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.moderation.unban(ctx.actor, input.userId)),

  /** Hosts: who is banned, the newest ban first, a page a call. */
  bans: memberProcedure.input(bansInput).query(({ ctx, input: { cursor, limit } }) => {
    return ctx.services.moderation.bans(ctx.actor, { cursor, limit });
  }),

  /** The owner: ends the room for everybody. */
  close: memberProcedure
    .input(closeRoomInput)
    .mutation(({ ctx, input }) => ctx.services.moderation.close(ctx.actor, input.reason ?? null)),

  /** Shows a reaction to the room, by `onActivity`. */
  react: memberProcedure
    .input(reactInput)
    .mutation(({ ctx, input }) => ctx.services.reactions.add(ctx.member.roomId, ctx.member.userId, input.kind)),

  /** Joins, leaves, seats, the end of the room. */
  onEvent: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('room', options)),

  /** Who is audible and how many are here; the newest state only. */
  onActivity: memberProcedure.input(roomInput).subscription((options) => deliverActivity(options)),
});
