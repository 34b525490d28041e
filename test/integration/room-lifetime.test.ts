import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countMediaObjects } from '../support/admin.ts';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { findKeys, findKeysOfRoom } from '../support/redis-keys.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('the life of a room', () => {
  let server: TestServer;
  const statusesOf = (roomId: string) => server.laravel.statusCalls().filter((call) => call.roomId === roomId);

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_GRACE_SECONDS: '1', ROOM_IDLE_SECONDS: '1' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('ends after its idle time: Laravel hears it once, and nothing is left anywhere', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    await eventually(() => expect(statusesOf(roomId)).toHaveLength(1));
    expect(statusesOf(roomId)).toMatchObject([{ is_live: true, participant_count: 1, closed_at: null }]);
    expect(await server.store.smembers('rooms:live')).toContain(roomId);

    await member.trpc.seat.take.mutate({ roomId });
    await member.trpc.chat.send.mutate({ roomId, content: 'Bye', clientMessageId: crypto.randomUUID() });
    await member.trpc.media.createTransport.mutate({ roomId, direction: 'send' });
    await member.trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
    expect(await findKeysOfRoom(server.store, roomId)).not.toEqual([]);
    await member.trpc.room.leave.mutate({ roomId });

    await eventually(() => expect(statusesOf(roomId)).toHaveLength(2));
    const [, end] = statusesOf(roomId);
    expect(end).toMatchObject({ is_live: false, participant_count: 0 });
    expect(Math.abs(Date.parse(end?.closed_at ?? '') - Date.now())).toBeLessThan(10_000);
    expect(await findKeysOfRoom(server.store, roomId)).toEqual([]);
    expect(await server.store.smembers('rooms:live')).not.toContain(roomId);
    for (const key of await findKeys(server.store, 'node:rooms:*')) {
      expect(await server.store.smembers(key)).not.toContain(roomId);
    }
    expect(await countMediaObjects(server.url, server.internalKey)).toEqual({ routers: 0, transports: 0 });
    expect(await refusalOf(member.trpc.room.get.query({ roomId }))).toBe('ROOM_NOT_FOUND');
  });

  it('ends also when its last member is lost', async () => {
    const roomId = addRoom(server);
    const member = await enter(server, roomId);
    member.client.cut();
    await eventually(async () => expect(await findKeysOfRoom(server.store, roomId)).toEqual([]));
    await eventually(() => expect(statusesOf(roomId).at(-1)).toMatchObject({ is_live: false, participant_count: 0 }));
  });

  it('goes on when somebody comes back within the idle time, chat included', async () => {
    const roomId = addRoom(server);
    await using first = await enter(server, roomId);
    await first.trpc.chat.send.mutate({ roomId, content: 'Remember me' });
    await first.trpc.room.leave.mutate({ roomId });
    await using second = await enter(server, roomId);
    expect((await second.trpc.chat.history.query({ roomId })).messages).toMatchObject([{ content: 'Remember me' }]);
    // Longer than the idle time since the room was empty.
    await sleep(1_300);
    expect((await second.trpc.room.get.query({ roomId })).participantCount).toBe(1);
  });

  it('begins anew after its end: no seat, message or event of the old one is left', async () => {
    const roomId = addRoom(server);
    {
      await using member = await enter(server, roomId);
      await member.trpc.seat.take.mutate({ roomId });
      await member.trpc.chat.send.mutate({ roomId, content: 'Old' });
      await member.trpc.room.leave.mutate({ roomId });
    }
    await eventually(async () => expect(await findKeysOfRoom(server.store, roomId)).toEqual([]));
    await using member = await enter(server, roomId);
    expect(member.joined.snapshot.participantCount).toBe(1);
    expect(member.joined.snapshot.seats.every(({ userId }) => userId === null)).toBe(true);
    expect((await member.trpc.chat.history.query({ roomId })).messages).toEqual([]);
    using room = await follow(member, 'room', member.joined.snapshot.cursor);
    await member.trpc.seat.take.mutate({ roomId });
    await eventually(() => expect(room.types()).toEqual(['seatTaken']));
  });

  it('is the same in the lobby: open rooms with how many are in them', async () => {
    const roomId = addRoom(server, { title: 'Lobby' });
    await using first = await enter(server, roomId);
    await using second = await enter(server, roomId);
    await eventually(async () =>
      expect(await first.trpc.room.list.query()).toContainEqual({
        roomId,
        title: 'Lobby',
        ownerId: server.laravel.users[0]?.id,
        participantCount: 2,
      }),
    );
    await second.trpc.room.leave.mutate({ roomId });
    await eventually(async () =>
      expect(await first.trpc.room.list.query()).toContainEqual(
        expect.objectContaining({ roomId, participantCount: 1 }),
      ),
    );
  });

  it('reports its end to Laravel even when Laravel is away at that moment', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    await eventually(() => expect(statusesOf(roomId)).toHaveLength(1));
    server.laravel.faults.set(`/internal/rooms/${roomId}/status`, { down: true, times: 1 });
    await member.trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(statusesOf(roomId).at(-1)).toMatchObject({ is_live: false }), 20_000);
    expect(server.laravel.faults.met(`/internal/rooms/${roomId}/status`)).toBe(1);
  });
});
