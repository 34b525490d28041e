import { giftSendInput, giftStatusInput, subscriptionInput } from './schemas.ts';
import { deliverEvents } from './subscriptions.ts';
import { memberProcedure, router, userProcedure } from './trpc.ts';

export const giftRouter = router({
  /** What can be given, with prices; Laravel's. */
  catalogue: userProcedure.query(({ ctx }) => ctx.services.directory.gifts()),

  /** Gives a gift; `pending` is durable. Safe to repeat with the same transaction id. */
  send: memberProcedure.input(giftSendInput).mutation(({ ctx, input: { roomId: _, ...request } }) => {
    return ctx.services.gifts.send(ctx.member, ctx.user, request);
  }),

  /** What became of the caller's gifts. */
  status: userProcedure
    .input(giftStatusInput)
    .query(({ ctx, input }) => ctx.services.gifts.status(ctx.user.id, input.transactionIds)),

  /** Gifts of the room; the outcome of a gift goes to its sender only. */
  onEvent: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('gift', options)),
});
