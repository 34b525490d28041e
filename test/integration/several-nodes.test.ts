import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { rtpParameters } from '../support/media.ts';
import { addRoom, enter } from '../support/members.ts';
import { findKeys, findKeysOfRoom } from '../support/redis-keys.ts';
import { refusalOf } from '../support/client.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

describe('two nodes on one Redis', () => {
  let server: TestServer;
  let other: OtherServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_GRACE_SECONDS: '1', ROOM_IDLE_SECONDS: '1' } });
    other = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** The lists of rooms that a room is on: the one of open rooms, and one a node. */
  async function listsWith(roomId: string): Promise<string[]> {
    const lists = ['rooms:live', ...(await findKeys(server.store, 'node:rooms:*'))];
    const isListed = await Promise.all(lists.map((key) => server.store.sismember(key, roomId)));
    return lists.filter((_, index) => isListed[index] === 1);
  }

  it('show the same room, and what happens on one is seen on the other', async () => {
    const roomId = addRoom(server);
    await using here = await enter(server, roomId);
    using room = await follow(here, 'room');
    using chat = await follow(here, 'chat');
    await using there = await enter(server, roomId, { url: other.url });
    expect(there.joined.snapshot.participantCount).toBe(2);
    await there.trpc.seat.take.mutate({ roomId, seat: 0 });
    expect(await refusalOf(here.trpc.seat.take.mutate({ roomId, seat: 0 }))).toBe('SEAT_TAKEN');
    await there.trpc.chat.send.mutate({ roomId, content: 'Hello from there' });
    await there.trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(room.events).toHaveLength(4));
    expect(room.types()).toEqual(['userJoined', 'seatTaken', 'seatLeft', 'userLeft']);
    await eventually(() => expect(chat.of('message')).toHaveLength(1));
    expect(chat.of('message')[0]?.message).toMatchObject({
      content: 'Hello from there',
      sender: { id: there.user.id },
    });
  });

  it('open a room once when many join on both at the same time', async () => {
    const roomId = addRoom(server);
    const urls = [server.url, other.url];
    const members = await Promise.all(
      Array.from({ length: 40 }, (_, index) => enter(server, roomId, { url: urls[index % 2] ?? server.url })),
    );
    const { trpc } = members[0] ?? expect.unreachable();
    expect((await trpc.room.get.query({ roomId })).participantCount).toBe(40);
    await Promise.all(members.map((member) => member.trpc.room.leave.mutate({ roomId })));
    await Promise.all(members.map((member) => member.client.close()));
    await eventually(async () => expect(await findKeysOfRoom(server.store, roomId)).toEqual([]));
    const closings = () => server.laravel.statusCalls().filter((call) => call.roomId === roomId && !call.is_live);
    await eventually(() => expect(closings()).toHaveLength(1));
  });

  it('have a room on their lists while it is open, and on none afterwards', async () => {
    const owner = server.laravel.addUser({ name: 'Owner' });
    const roomId = addRoom(server, { ownerId: owner.id });
    await using here = await enter(server, roomId, { user: owner });
    await using _there = await enter(server, roomId, { url: other.url });
    expect(await listsWith(roomId)).toHaveLength(3);
    await here.trpc.room.close.mutate({ roomId });
    await eventually(async () => expect(await listsWith(roomId)).toEqual([]));
  });

  it('have no room on their lists whose first join was refused', async () => {
    const owner = server.laravel.addUser({ name: 'Owner' });
    const banned = server.laravel.addUser({ name: 'Banned' });
    const roomId = addRoom(server, { ownerId: owner.id });
    await using host = await enter(server, roomId, { user: owner });
    await host.trpc.room.ban.mutate({ roomId, userId: banned.id });
    await host.trpc.room.close.mutate({ roomId });
    await eventually(async () => expect(await listsWith(roomId)).toEqual([]));
    expect(await refusalOf(enter(server, roomId, { user: banned, url: other.url }))).toBe('BANNED');
    expect(await listsWith(roomId)).toEqual([]);
  });

  it('have a room on their lists that closed while somebody was joining', async () => {
    const owner = server.laravel.addUser({ name: 'Owner' });
    const user = server.laravel.addUser({ name: 'Late' });
    const roomId = addRoom(server, { ownerId: owner.id });
    await using host = await enter(server, roomId, { user: owner });
    const path = `/internal/rooms/${roomId}/members/${user.id}/role`;
    server.laravel.faults.set(path, { delayMs: 1_500, times: 1 });
    const joining = enter(server, roomId, { user, url: other.url });
    await eventually(() => expect(server.laravel.faults.met(path)).toBe(1));
    await host.trpc.room.close.mutate({ roomId });
    await using _late = await joining;
    // That of open rooms, and that of the node which has to be replaced if it dies.
    expect(await listsWith(roomId)).toHaveLength(2);
  });

  it('take a session over from each other: the older connection learns it, the seat stays', async () => {
    const roomId = addRoom(server);
    await using here = await enter(server, roomId);
    await here.trpc.seat.take.mutate({ roomId, seat: 4 });
    using room = await follow(here, 'room');
    await using there = await enter(server, roomId, {
      user: here.user,
      sessionId: here.joined.sessionId,
      url: other.url,
    });
    // Its media is on the first node, so the session cannot be continued as it is.
    expect(there.joined.resumed).toBe(false);
    expect(there.joined.snapshot.seats[4]?.userId).toBe(here.user.id);
    await eventually(() => expect(room.refusal).toBe('SESSION_REPLACED'));
    expect((await there.trpc.room.get.query({ roomId })).participantCount).toBe(1);
  });

  it('a stopped node gives its members the grace period to come back elsewhere', async () => {
    const third = await server.startAnother({ ROOM_GRACE_SECONDS: '5' });
    const roomId = addRoom(server);
    await using observer = await enter(server, roomId);
    using room = await follow(observer, 'room');
    const moving = await enter(server, roomId, { url: third.url });
    await moving.trpc.seat.take.mutate({ roomId, seat: 2 });
    await third.app.stop();
    await eventually(() => expect(room.of('userConnectionChanged')).toHaveLength(1));
    expect(room.of('userConnectionChanged')).toMatchObject([{ userId: moving.user.id, connected: false }]);
    await using back = await enter(server, roomId, {
      user: moving.user,
      sessionId: moving.joined.sessionId,
      url: other.url,
    });
    expect(back.joined.snapshot.seats[2]?.userId).toBe(moving.user.id);
    await eventually(() => expect(room.of('userConnectionChanged')).toHaveLength(2));
    expect(room.types()).not.toContain('userLeft');
    await moving.client.close();
  });

  it('the death of one is noticed: its members are away, then gone, with seats and producers', async () => {
    const doomed = await server.startProcess();
    const roomId = addRoom(server);
    await using survivor = await enter(server, roomId);
    using room = await follow(survivor, 'room');
    using media = await follow(survivor, 'media');
    const victim = await enter(server, roomId, { url: doomed.url });
    const { trpc, user } = victim;
    await trpc.seat.take.mutate({ roomId, seat: 1 });
    const { transportId } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
    const { producerId } = await trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters() });
    await eventually(() => expect(media.types()).toEqual(['producerOpened']));

    victim.client.cut();
    await doomed.kill();
    await eventually(() => expect(room.types()).toContain('userLeft'), 15_000);
    expect(room.types()).toEqual(['userJoined', 'seatTaken', 'userConnectionChanged', 'seatLeft', 'userLeft']);
    expect(room.of('userLeft')).toEqual([{ type: 'userLeft', userId: user.id, reason: 'disconnected' }]);
    expect(media.events.slice(1)).toEqual([{ type: 'producerClosed', producerId, userId: user.id, reason: 'failed' }]);
    const after = await survivor.trpc.room.get.query({ roomId });
    expect(after).toMatchObject({ participantCount: 1, producers: [] });
    expect(after.seats[1]?.userId).toBeNull();
  });

  it('a room whose only node died is closed by the other one, and Laravel hears it', async () => {
    const doomed = await server.startProcess();
    const roomId = addRoom(server);
    const victim = await enter(server, roomId, { url: doomed.url });
    victim.client.cut();
    await doomed.kill();
    await eventually(async () => expect(await findKeysOfRoom(server.store, roomId)).toEqual([]), 15_000);
    await eventually(() =>
      expect(
        server.laravel
          .statusCalls()
          .filter((call) => call.roomId === roomId)
          .at(-1),
      ).toMatchObject({
        is_live: false,
        participant_count: 0,
      }),
    );
    expect(await server.store.smembers('rooms:live')).not.toContain(roomId);
  });
});
