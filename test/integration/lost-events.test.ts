import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import type { AppCode } from '../../src/core/errors.ts';
import { createLogger } from '../../src/core/logger.ts';
import { toRefusal } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { type HostedRoom, openHostedRoom } from '../support/hosts.ts';
import { type LaggingRedis, startLaggingRedis } from '../support/lagging-redis.ts';
import { enter, type TestMember } from '../support/members.ts';
import { listen, speak } from '../support/speaking.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** Long enough that nothing of it arrives in a test, ms. */
const forEver = 600_000;

describe('a node that missed events which the log does not have any more', () => {
  let server: TestServer;
  let lagging: LaggingRedis;
  let deaf: App;
  let deafUrl: string;
  let lagMs = 0;

  beforeAll(async () => {
    server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
    lagging = await startLaggingRedis(server.redis, () => lagMs);
    const { config } = server;
    deaf = createApp(
      { ...config, redis: { ...config.redis, host: lagging.host, port: lagging.port } },
      { logger: createLogger('silent') },
    );
    deafUrl = await deaf.start();
  });
  afterAll(async () => {
    await deaf?.stop();
    await lagging?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  /** Cuts the node's pub/sub off, does something, has the log lose it, and lets the node catch up. */
  async function whileDeaf(act: () => Promise<unknown>, lose: () => Promise<unknown>): Promise<void> {
    lagMs = forEver;
    await act();
    await lose();
    lagMs = 0;
    await server.store.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }

  const trim = ({ roomId }: HostedRoom) => server.store.xtrim(`room:events:{${roomId}}`, 'MAXLEN', 1);
  const remove = ({ roomId }: HostedRoom) => server.store.del(`room:events:{${roomId}}`);

  /** A victim who speaks and a witness who hears it, both on that node. */
  async function talk({ roomId }: HostedRoom, stack: AsyncDisposableStack) {
    const victim = stack.use(await enter(server, roomId, { url: deafUrl }));
    const witness = stack.use(await enter(server, roomId, { url: deafUrl }));
    const ended = stack.use(await follow(victim, 'room'));
    await victim.trpc.seat.take.mutate({ roomId, seat: 3 });
    const speaking = stack.use(await speak(victim));
    const listening = stack.use(await listen(witness, speaking.producerId));
    await eventually(() => expect(listening.packets()).toBeGreaterThan(5));
    return { victim, witness, ended, listening };
  }

  /** Why somebody is no member any more; null for a member. */
  const endOf = ({ trpc, roomId }: TestMember): Promise<AppCode | null> =>
    trpc.room.react.mutate({ roomId, kind: 'clap' }).then(
      () => null,
      (error: unknown) => toRefusal(error)?.code ?? 'INTERNAL',
    );

  it.each([
    ['kick', 'NOT_IN_ROOM', trim],
    ['ban', 'BANNED', trim],
    ['ban', 'BANNED', remove],
  ] as const)('carries out a %s all the same: %s, and no sound of theirs', async (act, code, lose) => {
    await using stack = new AsyncDisposableStack();
    const hosted = stack.use(await openHostedRoom(server));
    const { roomId, admin, owner } = hosted;
    const { victim, witness, ended, listening } = await talk(hosted, stack);
    const heardBefore = listening.packets();
    await whileDeaf(
      async () => {
        await admin.trpc.room[act].mutate({ roomId, userId: victim.user.id });
        // It does not know, which is what this is about.
        await eventually(() => expect(listening.packets()).toBeGreaterThan(heardBefore + 10));
      },
      () => lose(hosted),
    );
    await eventually(() => expect(ended.refusal).toBe(code));
    await listening.untilSilent();
    expect(await endOf(victim)).toBe(code);
    // The others stay, and go on hearing of the room.
    expect(await endOf(witness)).toBeNull();
    using chat = await follow(witness, 'chat');
    await owner.trpc.chat.send.mutate({ roomId, content: 'Where were we?' });
    await eventually(() => expect(chat.of('message')).toHaveLength(1));
  });

  it('takes the voice of who was muted, and gives it back to who was unmuted', async () => {
    await using stack = new AsyncDisposableStack();
    const hosted = stack.use(await openHostedRoom(server));
    const { roomId, admin } = hosted;
    const { victim, listening } = await talk(hosted, stack);
    const mute = { roomId, userId: victim.user.id };
    await whileDeaf(
      () => admin.trpc.seat.mute.mutate(mute),
      () => trim(hosted),
    );
    await listening.untilSilent();
    const heard = listening.packets();
    await whileDeaf(
      () => admin.trpc.seat.unmute.mutate(mute),
      () => trim(hosted),
    );
    await eventually(() => expect(listening.packets()).toBeGreaterThan(heard + 5));
  });

  it('silences who was taken off the seat, who stays a member', async () => {
    await using stack = new AsyncDisposableStack();
    const hosted = stack.use(await openHostedRoom(server));
    const { roomId, admin } = hosted;
    const { victim, ended, listening } = await talk(hosted, stack);
    await whileDeaf(
      () => admin.trpc.seat.remove.mutate({ roomId, userId: victim.user.id }),
      () => trim(hosted),
    );
    await listening.untilSilent();
    expect(await endOf(victim)).toBeNull();
    expect(ended.refusal).toBeNull();
  });

  it('ends everybody of a room that was closed', async () => {
    await using stack = new AsyncDisposableStack();
    const hosted = stack.use(await openHostedRoom(server));
    const { victim, witness, ended, listening } = await talk(hosted, stack);
    await whileDeaf(
      () => hosted.owner.trpc.room.close.mutate({ roomId: hosted.roomId }),
      () => remove(hosted),
    );
    await eventually(() => expect(ended.refusal).toBe('ROOM_CLOSED'));
    await listening.untilSilent();
    expect(await endOf(victim)).toBe('ROOM_CLOSED');
    expect(await endOf(witness)).toBe('ROOM_CLOSED');
  });
});
