import {
  connectTransportInput,
  consumeInput,
  createTransportInput,
  diagnoseInput,
  produceInput,
  producerInput,
  resumeInput,
  startInput,
  subscriptionInput,
  transportInput,
} from './schemas.ts';
import { deliverEvents } from './subscriptions.ts';
import { memberProcedure, router, userProcedure } from './trpc.ts';

export const mediaRouter = router({
  /** What the routers of every room can do; loads a mediasoup-client Device before any room is joined. */
  capabilities: userProcedure.query(({ ctx }) => ctx.services.rtpCapabilities),

  /** Makes the caller's transport of one direction; an earlier one of that direction is closed. */
  createTransport: memberProcedure
    .input(createTransportInput)
    .mutation(({ ctx, input }) => ctx.services.media.createTransport(ctx.member, input.direction)),

  /** Starts DTLS. */
  connectTransport: memberProcedure
    .input(connectTransportInput)
    .mutation(({ ctx: { member }, input }) =>
      member.room.media.connectTransport(member.sessionId, input.transportId, input.dtlsParameters),
    ),

  /** New ICE credentials for a transport whose network path changed, and fresh ones for TURN servers. */
  restartIce: memberProcedure.input(transportInput).mutation(async ({ ctx: { member, services, user }, input }) => ({
    iceParameters: await member.room.media.restartIce(member.sessionId, input.transportId),
    iceServers: services.iceServers.issueTo(user.id),
  })),

  /** Starts sending audio, from a seat. */
  produce: memberProcedure
    .input(produceInput)
    .mutation(({ ctx, input: { transportId, ...options } }) =>
      ctx.services.media.produce(ctx.member, transportId, options),
    ),

  /** Mutes the caller's producer. */
  pauseProducer: memberProcedure
    .input(producerInput)
    .mutation(({ ctx, input }) => ctx.services.media.pause(ctx.member, input.producerId)),

  /** Unmutes the caller's producer. */
  resumeProducer: memberProcedure
    .input(producerInput)
    .mutation(({ ctx, input }) => ctx.services.media.resume(ctx.member, input.producerId)),

  /** Stops sending. */
  closeProducer: memberProcedure
    .input(producerInput)
    .mutation(({ ctx, input }) => ctx.services.media.close(ctx.member, input.producerId)),

  /** Makes paused consumers for producers; those that cannot be consumed are named, the others are not held up. */
  consume: memberProcedure
    .input(consumeInput)
    .mutation(({ ctx: { member }, input }) =>
      member.room.media.consume(member.sessionId, input.transportId, input.producerIds, input.rtpCapabilities),
    ),

  /** The second of the two calls of joining: starts DTLS and lets the consumers flow that `room.join` answered. */
  start: memberProcedure.input(startInput).mutation(async ({ ctx: { member }, input }) => {
    const { media } = member.room;
    await media.connectTransport(member.sessionId, input.transportId, input.dtlsParameters);
    return media.resumeConsumers(member.sessionId, input.consumerIds);
  }),

  /** Lets consumers flow, once the client is ready to play them. */
  resume: memberProcedure
    .input(resumeInput)
    .mutation(({ ctx: { member }, input }) => member.room.media.resumeConsumers(member.sessionId, input.consumerIds)),

  /** What the server sees of somebody's way to the caller, or of the caller's own way here. */
  diagnose: memberProcedure
    .input(diagnoseInput)
    .query(({ ctx, input }) => ctx.services.media.diagnose(ctx.member, input.userId)),

  /** Producers opened, paused, resumed, closed. */
  onEvent: memberProcedure.input(subscriptionInput).subscription((options) => deliverEvents('media', options)),
});
