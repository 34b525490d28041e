import {
  giftAcknowledgeInput,
  giftOutcomeInput,
  giftSendInput,
  giftSendToManyInput,
  giftStatusInput,
  subscriptionInput,
} from './schemas.ts';
import { deliverEvents, deliverOutcomes } from './subscriptions.ts';
import { memberProcedure, router, userProcedure } from './trpc.ts';

export const giftRouter = router({
  /** What can be given, with prices; Laravel's. */
  catalogue: userProcedure.query(({ ctx }) => ctx.services.directory.gifts()),

  /** Gives a gift; `pending` is durable. Safe to repeat with the same transaction id. */
  send: memberProcedure.input(giftSendInput).mutation(({ ctx, input: { roomId: _, ...request } }) => {
    return ctx.services.gifts.send(ctx.member, ctx.user, request);
  }),

  /** Gives the same gift to several members, one gift each. Safe to repeat with the same ids. */
  sendToMany: memberProcedure.input(giftSendToManyInput).mutation(({ ctx, input: { roomId: _, ...request } }) => {
    return ctx.services.gifts.sendToMany(ctx.member, ctx.user, request);
  }),

  /** What became of the caller's gifts. */
  status: userProcedure
    .input(giftStatusInput)
    .query(({ ctx, input }) => ctx.services.gifts.report(ctx.user.id, input.transactionIds)),

  /** Gifts given in the room, and those that were withdrawn. */
  onEvent: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('gift', options)),

  /** The final word on each of the caller's gifts, whatever room they were given in. */
  onOutcome: userProcedure.input(giftOutcomeInput).subscription((options) => deliverOutcomes(options)),

  /** Says that the caller has seen its outcomes up to one; a client without a cursor is not told of them again. */
  acknowledge: userProcedure
    .input(giftAcknowledgeInput)
    .mutation(({ ctx, input }) => ctx.services.giftOutcomes.acknowledge(ctx.user.id, input.eventId)),
});
