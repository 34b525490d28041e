import { giftListInput, giftRetryInput } from './schemas.ts';
import { adminProcedure, router } from './trpc.ts';

export const adminRouter = router({
  /** Load of every mediasoup worker of this node, and what mediasoup itself says it holds. */
  workers: adminProcedure.query(async ({ ctx: { services } }) => {
    const [stats, dumps] = await Promise.all([services.workers.stats(), services.workers.dump()]);
    return stats.map((worker) => ({ ...worker, dump: dumps.find(({ index }) => index === worker.index) ?? null }));
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
