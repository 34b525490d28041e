import { chatHistoryInput, chatSendInput, subscriptionInput } from './schemas.ts';
import { deliverEvents } from './subscriptions.ts';
import { memberProcedure, router } from './trpc.ts';

export const chatRouter = router({
  /** Says something to the room; answers the message as everybody sees it. */
  send: memberProcedure
    .input(chatSendInput)
    .mutation(({ ctx, input }) =>
      ctx.services.chat.send(ctx.member, ctx.user, input.content, input.clientMessageId ?? null),
    ),

  /** What was said before, oldest first, a page a call. */
  history: memberProcedure
    .input(chatHistoryInput)
    .query(({ ctx, input }) => ctx.services.chat.history(ctx.member, input.before ?? null, input.limit)),

  onMessage: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('chat', options)),
});
