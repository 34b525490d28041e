import {
  chatDeleteInput,
  chatHistoryInput,
  chatSendInput,
  slowModeInput,
  subscriptionInput,
  memberInput,
} from './schemas.ts';
import { deliverEvents } from './subscriptions.ts';
import { memberProcedure, router } from './trpc.ts';

export const chatRouter = router({
  /** Says something to the room, or answers a message; answers the message as everybody sees it. */
  send: memberProcedure.input(chatSendInput).mutation(({ ctx, input: { content, clientMessageId, replyTo } }) =>
    ctx.services.chat.send(ctx.member, ctx.user, {
      content,
      clientMessageId: clientMessageId ?? null,
      replyTo: replyTo ?? null,
    }),
  ),

  /** What was said before, oldest first, a page a call. */
  history: memberProcedure
    .input(chatHistoryInput)
    .query(({ ctx, input }) => ctx.services.chat.history(ctx.member, input.before ?? null, input.limit)),

  /** Takes back one's own message, or as a host that of somebody of lower rank. */
  delete: memberProcedure
    .input(chatDeleteInput)
    .mutation(({ ctx, input }) => ctx.services.chat.delete(ctx.actor, input.messageId)),

  /** Takes a member's right to chat. */
  mute: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.chat.setMuted(ctx.actor, input.userId, true)),

  /** Gives it back. */
  unmute: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.chat.setMuted(ctx.actor, input.userId, false)),

  /** Sets the least time between two messages of one member; hosts are exempt. */
  setSlowMode: memberProcedure
    .input(slowModeInput)
    .mutation(({ ctx, input }) => ctx.services.chat.setSlowMode(ctx.actor, input.seconds)),

  onMessage: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('chat', options)),
});
