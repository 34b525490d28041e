import {
  approveSeatInput,
  inviteInput,
  memberInput,
  roomInput,
  seatCountInput,
  seatInput,
  seatModeInput,
  takeSeatInput,
} from './schemas.ts';
import { memberProcedure, router } from './trpc.ts';

export const seatRouter = router({
  /** Takes a free seat, the first one unless the input names it. */
  take: memberProcedure
    .input(takeSeatInput)
    .mutation(({ ctx, input }) => ctx.services.seats.take(ctx.actor, input.seat ?? null)),

  /** Becomes a listener again. */
  leave: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.seats.leave(ctx.actor)),

  /** Goes to another seat. */
  move: memberProcedure.input(seatInput).mutation(({ ctx, input }) => ctx.services.seats.move(ctx.actor, input.seat)),

  /** Raises the hand (tRPC keeps the name `apply` for itself). */
  request: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.seats.request(ctx.actor)),

  /** Takes the hand down. */
  cancel: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.seats.cancel(ctx.actor)),

  /** Takes the seat that the caller is invited to. */
  accept: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.seats.accept(ctx.actor)),

  /** Refuses an invitation. */
  decline: memberProcedure.input(roomInput).mutation(({ ctx }) => ctx.services.seats.decline(ctx.actor)),

  /** Hosts: gives a raised hand a seat. */
  approve: memberProcedure
    .input(approveSeatInput)
    .mutation(({ ctx, input }) => ctx.services.seats.approve(ctx.actor, input.userId, input.seat ?? null)),

  /** Hosts: takes somebody's hand down. */
  reject: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.seats.reject(ctx.actor, input.userId)),

  /** Hosts: invites a listener to a seat, for 30 s. */
  invite: memberProcedure
    .input(inviteInput)
    .mutation(({ ctx, input }) => ctx.services.seats.invite(ctx.actor, input.userId, input.seat ?? null)),

  /** Hosts: keeps a seat from being taken. */
  lock: memberProcedure
    .input(seatInput)
    .mutation(({ ctx, input }) => ctx.services.seats.lock(ctx.actor, input.seat, true)),

  /** Hosts: lets a seat be taken again. */
  unlock: memberProcedure
    .input(seatInput)
    .mutation(({ ctx, input }) => ctx.services.seats.lock(ctx.actor, input.seat, false)),

  /** Hosts: makes a speaker a listener. */
  remove: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.seats.remove(ctx.actor, input.userId)),

  /** Hosts: takes somebody's voice. */
  mute: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.seats.mute(ctx.actor, input.userId, true)),

  /** Hosts: gives somebody's voice back. */
  unmute: memberProcedure
    .input(memberInput)
    .mutation(({ ctx, input }) => ctx.services.seats.mute(ctx.actor, input.userId, false)),

  /** Hosts: changes how many seats there are. */
  setCount: memberProcedure
    .input(seatCountInput)
    .mutation(({ ctx, input }) => ctx.services.seats.setCount(ctx.actor, input.seatCount)),

  /** Hosts: changes whether seats are free to take or given by hosts. */
  setMode: memberProcedure
    .input(seatModeInput)
    .mutation(({ ctx, input }) => ctx.services.seats.setMode(ctx.actor, input.seatMode)),
});
