import { type TrackedEnvelope, tracked } from '@trpc/server';
import { operatorIn } from '../services/actor.ts';
import type { WatchedEvent } from '../services/room-watch.ts';
import {
  announceInput,
  giftListInput,
  giftRetryInput,
  rateLimitsInput,
  revokeInput,
  roomListInput,
  userInput,
  watchInput,
} from './admin-schemas.ts';
import { banInput, bansInput, closeRoomInput, memberInput, participantsInput, roomInput } from './schemas.ts';
import { adminProcedure, router } from './trpc.ts';

export type { WatchedEvent };

export const adminRouter = router({
  /** Load of every mediasoup worker of this node, and what mediasoup itself says it holds. */
  workers: adminProcedure.query(async ({ ctx: { services } }) => {
    const [stats, dumps] = await Promise.all([services.workers.stats(), services.workers.dump()]);
    return stats.map((worker) => ({ ...worker, dump: dumps.find(({ index }) => index === worker.index) ?? null }));
  }),

  /** Rooms of all nodes. */
  rooms: router({
    /** Rooms by their ids, a page a call: those that are open and those that Laravel lists. */
    list: adminProcedure.input(roomListInput).query(({ ctx: { services }, input }) =>
      services.overview.list({
        text: input.text ?? null,
        open: input.open ?? null,
        cursor: input.cursor ?? null,
        limit: input.limit,
      }),
    ),

    /** The state of an open room. */
    get: adminProcedure.input(roomInput).query(({ ctx, input }) => ctx.services.store.read(input.roomId)),

    /** Says something in the room's chat as the server. */
    announce: adminProcedure
      .input(announceInput)
      .mutation(({ ctx, input }) => ctx.services.chat.announce(input.roomId, input.content)),

    /** Ends a room with whoever is in it. */
    close: adminProcedure
      .input(closeRoomInput)
      .mutation(({ ctx, input }) => ctx.services.moderation.close(operatorIn(input.roomId), input.reason ?? null)),
  }),

  /** Who is in a room, and who must not be. */
  participants: router({
    /** Members by time of joining, a page a call. */
    list: adminProcedure
      .input(participantsInput)
      .query(({ ctx, input: { roomId, cursor, limit } }) =>
        ctx.services.store.listParticipants(roomId, cursor ?? null, limit),
      ),

    kick: adminProcedure
      .input(memberInput)
      .mutation(({ ctx, input }) => ctx.services.moderation.kick(operatorIn(input.roomId), input.userId)),

    ban: adminProcedure.input(banInput).mutation(({ ctx, input: { roomId, userId, durationSeconds, reason } }) => {
      const durationMs = durationSeconds === undefined ? null : durationSeconds * 1_000;
      return ctx.services.moderation.ban(operatorIn(roomId), userId, durationMs, reason ?? null);
    }),

    unban: adminProcedure
      .input(memberInput)
      .mutation(({ ctx, input }) => ctx.services.moderation.unban(operatorIn(input.roomId), input.userId)),

    /** Who is banned, the newest ban first, a page a call. */
    bans: adminProcedure
      .input(bansInput)
      .query(({ ctx, input: { roomId, ...page } }) => ctx.services.moderation.bans(operatorIn(roomId), page)),
  }),

  /** Shuts a user or a token out for a day and ends what is connected, on all nodes. */
  revoke: adminProcedure.input(revokeInput).mutation(async ({ ctx: { services }, input }) => {
    if (input.userId !== undefined) await services.revocations.revokeUser(input.userId);
    if (input.tokenHash !== undefined) await services.revocations.revokeToken(input.tokenHash);
  }),

  /** Takes a revocation back, on all nodes; whoever is shut out by Laravel as well stays out. */
  liftRevocation: adminProcedure.input(revokeInput).mutation(async ({ ctx: { services }, input }) => {
    const { revocations } = services;
    const lifted = await Promise.all([
      input.userId !== undefined && revocations.liftUser(input.userId),
      input.tokenHash !== undefined && revocations.liftToken(input.tokenHash),
    ]);
    return { lifted: lifted.includes(true) };
  }),

  /** What single users may send a minute, in the place of what is configured. */
  rateLimits: router({
    get: adminProcedure.input(userInput).query(({ ctx, input }) => ctx.services.rateLimits.get(input.userId)),

    set: adminProcedure
      .input(rateLimitsInput)
      .mutation(async ({ ctx: { services }, input: { userId, chat, gift } }) => {
        await services.rateLimits.set(userId, {
          ...(chat === undefined ? {} : { chat }),
          ...(gift === undefined ? {} : { gift }),
        });
        return services.rateLimits.get(userId);
      }),

    clear: adminProcedure.input(userInput).mutation(async ({ ctx: { services }, input }) => {
      await services.rateLimits.clear(input.userId);
      return services.rateLimits.get(input.userId);
    }),
  }),

  /** Everything that happens in a room, from a snapshot on or after `lastEventId`, until it closes. */
  watch: adminProcedure.input(watchInput).subscription(async function* ({
    ctx,
    input,
    signal,
  }): AsyncGenerator<TrackedEnvelope<WatchedEvent>, void> {
    using _counted = { [Symbol.dispose]: ctx.connection?.addSubscription() ?? (() => undefined) };
    if (signal === undefined) return;
    const following = ctx.services.watch.follow(input.roomId, input.lastEventId ?? null, signal);
    for await (const { id, watched } of following) yield tracked(id, watched);
  }),

  /** Gifts of all nodes that wait for Laravel or for an operator. */
  gifts: router({
    /** How full the queue is, and the oldest gifts in it. */
    pending: adminProcedure.input(giftListInput).query(async ({ ctx: { services }, input }) => {
      const { giftReview, giftSettlement } = services;
      const [backlog, gifts] = await Promise.all([giftReview.backlog(), giftReview.listPending(input.limit)]);
      const { denied, heldBack } = giftSettlement;
      return { ...backlog, denied, heldBack, gifts };
    }),

    /** Gifts that were put aside: charged or not, which Laravel's ledger tells. */
    dead: adminProcedure
      .input(giftListInput)
      .query(({ ctx: { services }, input }) => services.giftReview.listUnderReview(input.limit)),

    /** Queues gifts again that were put aside; safe, since they keep their ids. */
    retry: adminProcedure.input(giftRetryInput).mutation(async ({ ctx: { services }, input }) => ({
      queued: await services.giftReview.retry(input.transactionIds ?? null, input.limit),
    })),
  }),
});
