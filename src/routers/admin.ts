import { adminProcedure, router } from './trpc.ts';

export const adminRouter = router({
  /** Load of every mediasoup worker of this node, and what mediasoup itself says it holds. */
  workers: adminProcedure.query(async ({ ctx: { services } }) => {
    const [stats, dumps] = await Promise.all([services.workers.stats(), services.workers.dump()]);
    return stats.map((worker) => ({ ...worker, dump: dumps.find(({ index }) => index === worker.index) ?? null }));
  }),
});
