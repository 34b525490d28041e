import { expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { createLogger } from '../../src/core/logger.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { startLaggingRedis } from '../support/lagging-redis.ts';
import { rtpParameters } from '../support/media.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer } from '../support/server.ts';

/** How late the server reads its own events, ms. */
const lagMs = 500;

it('who leaves a seat and takes one again keeps the new voice, however late the server reads of the old one', async () => {
  await using server = await startTestServer();
  await using lagging = await startLaggingRedis(server.redis, () => lagMs);
  const { config } = server;
  const redis = { ...config.redis, host: lagging.host, port: lagging.port };
  const app = createApp({ ...config, redis }, { logger: createLogger('silent') });
  const url = await app.start();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => app.stop());

  const roomId = addRoom(server);
  await using speaker = await enter(server, roomId, { url });
  await using listener = await enter(server, roomId, { url });
  using media = await follow(listener, 'media');
  const { trpc } = speaker;
  await trpc.seat.take.mutate({ roomId });
  const { transportId } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
  const produce = () => trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters() });
  const old = await produce();
  await trpc.seat.leave.mutate({ roomId });
  await trpc.seat.take.mutate({ roomId });
  const renewed = await produce();

  await eventually(() => expect(media.of('producerOpened').at(-1)?.producer.producerId).toBe(renewed.producerId));
  expect(media.of('producerClosed').map(({ producerId }) => producerId)).toEqual([old.producerId]);
  const path = await trpc.media.diagnose.query({ roomId, userId: speaker.user.id });
  expect(path.sending?.producer?.producerId).toBe(renewed.producerId);
});
