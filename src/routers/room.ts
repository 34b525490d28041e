import { deliverActivity, deliverEvents } from './subscriptions.ts';
import { joinInput, participantsInput, roomInput, subscriptionInput } from './schemas.ts';
import { memberProcedure, router, userProcedure } from './trpc.ts';

export const roomRouter = router({
  /** The rooms that can be joined. */
  list: userProcedure.query(({ ctx }) => ctx.services.directory.list()),

  /** The state of an open room, for whoever thinks of joining. */
  get: userProcedure.input(roomInput).query(({ ctx, input }) => ctx.services.store.read(input.roomId)),

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
  participants: memberProcedure.input(participantsInput).query(async ({ ctx, input }) => {
    const { roomId, cursor, limit } = input;
    const participants = await ctx.services.store.listParticipants(roomId, cursor, limit);
    return { participants, nextCursor: participants.length < limit ? null : cursor + limit };
  }),

  /** Joins, leaves, seats, the end of the room. */
  onEvent: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('room', options)),

  /** Who is audible and how many are here; the newest state only. */
  onActivity: memberProcedure.input(roomInput).subscription((options) => deliverActivity(options)),
});
