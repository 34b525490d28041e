import { roomInput, takeSeatInput } from './schemas.ts';
import { memberProcedure, router } from './trpc.ts';

export const seatRouter = router({
  /** Takes a free seat, the first one unless the input names it. */
  take: memberProcedure
    .input(takeSeatInput)
    .mutation(({ ctx, input }) => ctx.services.seats.take(ctx.member, input.seat ?? null)),

  /** Becomes a listener again. */
  leave: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.seats.leave(ctx.member)),
});
