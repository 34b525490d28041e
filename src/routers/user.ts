import { router, userProcedure } from './trpc.ts';

export const userRouter = router({
  /** Whom the connection's token belongs to. */
  me: userProcedure.query(({ ctx }) => ctx.user),
});
