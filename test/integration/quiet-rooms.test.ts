import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RoomActivity } from '../../src/core/events.ts';
import { countMediaObjects } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { LightClient } from '../../src/cli/load-test/light-client.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

const quietAbove = 200;
const crowdSize = 300;

describe('a big room', () => {
  let server: TestServer;
  let other: OtherServer;
  let roomId: string;
  let owner: TestMember;
  let early: TestMember;
  let crowd: LightClient[];

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_GRACE_SECONDS: '1' } });
    other = await server.startAnother();
    const ownerUser = server.laravel.addUser({ name: 'Owner' });
    roomId = addRoom(server, { ownerId: ownerUser.id });
    owner = await enter(server, roomId, { user: ownerUser });
    early = await enter(server, roomId, { url: other.url });
    crowd = [];
    for (let index = 0; index < crowdSize; index += 1) {
      const { token } = server.laravel.addUser({ name: `Listener ${index}` });
      const client = await LightClient.connect(index % 2 === 0 ? server.url : other.url, token);
      await client.mutate('room.join', { roomId });
      crowd.push(client);
    }
  });
  afterAll(async () => {
    for (const client of crowd) client.terminate();
    await Promise.all([owner, early].map(({ client }) => client.close()));
    await server[Symbol.asyncDispose]();
  });

  it('does not tell of each listener who comes, is lost, comes back or leaves; the count is right', async () => {
    using events = await follow(owner, 'room');
    const seen: RoomActivity[] = [];
    const subscription = owner.trpc.room.onActivity.subscribe({ roomId }, { onData: (each) => seen.push(each) });
    const others = crowdSize + 2;
    await eventually(() => expect(seen.at(-1)?.participantCount).toBe(others));

    const joiner = await enter(server, roomId, { url: other.url });
    expect(joiner.joined.snapshot).toMatchObject({ participantCount: others + 1 });
    expect(joiner.joined.snapshot.seats).toHaveLength(15);
    expect(joiner.joined.snapshot.participants).toHaveLength(100);
    await eventually(() => expect(seen.at(-1)?.participantCount).toBe(others + 1));
    const { sessionId } = joiner.joined;
    joiner.client.cut();
    await sleep(100);
    await using again = await enter(server, roomId, { user: joiner.user, url: other.url, sessionId });
    expect(again.joined.resumed).toBe(true);
    await again.trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(seen.at(-1)?.participantCount).toBe(others));
    expect(events.types()).toEqual([]);
    subscription.unsubscribe();
  });

  it('pages through all of its members, and passes over nobody because others leave meanwhile', async () => {
    const leavers: TestMember[] = [];
    while (leavers.length < 5) leavers.push(await enter(server, roomId));
    const userIds = new Set<number>();
    const read = async (cursor: string | undefined, limit: number): Promise<string | null> => {
      const page = await owner.trpc.room.participants.query({ roomId, cursor, limit });
      for (const { userId } of page.participants) userIds.add(userId);
      return page.nextCursor;
    };
    let cursor = await read(undefined, crowdSize + 2 - 150);
    // All but the last are on the page that has been read, the last one is what the position names.
    cursor = await read(cursor ?? expect.unreachable(), 155);
    await Promise.all(leavers.map(({ trpc }) => trpc.room.leave.mutate({ roomId })));
    const late = await enter(server, roomId);
    while (cursor !== null) cursor = await read(cursor, 200);
    await late.trpc.room.leave.mutate({ roomId });
    expect(userIds.size).toBe(crowdSize + 2 + leavers.length + 1);
    for (const { client } of [...leavers, late]) await client.close();
  });

  it('introduces whoever asks to speak, speaks or becomes a host, and tells when they go', async () => {
    using events = await follow(owner, 'room');
    await using asking = await enter(server, roomId, { url: other.url });
    await using seated = await enter(server, roomId);
    await using promoted = await enter(server, roomId);
    await asking.trpc.seat.request.mutate({ roomId });
    await seated.trpc.seat.take.mutate({ roomId, seat: 3 });
    await fetch(`${server.url}/internal/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-internal-key': server.internalKey },
      body: JSON.stringify({
        id: crypto.randomUUID(),
        type: 'member.role_changed',
        data: { room_id: roomId, user_id: promoted.user.id, role: 'admin' },
      }),
    });
    await eventually(() =>
      expect(events.types()).toEqual([
        ...['userJoined', 'seatRequested'],
        ...['userJoined', 'seatTaken'],
        ...['userJoined', 'roleChanged'],
      ]),
    );
    expect(events.of('userJoined').map(({ participant }) => [participant.userId, participant.role])).toEqual([
      [asking.user.id, 'member'],
      [seated.user.id, 'member'],
      [promoted.user.id, 'member'],
    ]);
    for (const { trpc } of [asking, seated, promoted]) await trpc.room.leave.mutate({ roomId });
    await eventually(() =>
      expect(events.of('userLeft').map(({ userId }) => userId)).toEqual([
        asking.user.id,
        seated.user.id,
        promoted.user.id,
      ]),
    );
  });

  it('tells of the leave of whoever was introduced and has gone back to listening', async () => {
    using events = await follow(owner, 'room');
    await using asked = await enter(server, roomId, { url: other.url });
    await using spoke = await enter(server, roomId);
    await using invited = await enter(server, roomId);
    await asked.trpc.seat.request.mutate({ roomId });
    await asked.trpc.seat.cancel.mutate({ roomId });
    await spoke.trpc.seat.take.mutate({ roomId, seat: 4 });
    await spoke.trpc.seat.leave.mutate({ roomId });
    await owner.trpc.seat.invite.mutate({ roomId, userId: invited.user.id });
    await invited.trpc.seat.decline.mutate({ roomId });
    // A second time needs no second introduction.
    await asked.trpc.seat.request.mutate({ roomId });
    await asked.trpc.seat.cancel.mutate({ roomId });
    const userIds = [asked, spoke, invited].map(({ user }) => user.id);
    for (const { trpc } of [asked, spoke, invited]) await trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(events.of('userLeft').map(({ userId }) => userId)).toEqual(userIds));
    expect(events.of('userJoined').map(({ participant }) => participant.userId)).toEqual(userIds);
  });

  it('tells of the leave of whoever was there when it was small', async () => {
    using events = await follow(owner, 'room');
    const [first] = crowd.splice(0, 1);
    await first?.mutate('room.leave', { roomId });
    await eventually(() => expect(events.types()).toEqual(['userLeft']));
    first?.terminate();
  });

  it('tells everybody of whom a host removes', async () => {
    using events = await follow(early, 'room');
    await using kicked = await enter(server, roomId, { url: other.url });
    await using banned = await enter(server, roomId);
    await owner.trpc.room.kick.mutate({ roomId, userId: kicked.user.id });
    await owner.trpc.room.ban.mutate({ roomId, userId: banned.user.id });
    await eventually(() =>
      expect(events.of('userLeft').map(({ userId, reason }) => [userId, reason])).toEqual([
        [kicked.user.id, 'kicked'],
        [banned.user.id, 'banned'],
      ]),
    );
    expect(events.of('userJoined')).toEqual([]);
  });

  it('frees what its nodes hold of a listener whom nobody was told of', async () => {
    const before = await countMediaObjects(other.url, server.internalKey);
    await using listener = await enter(server, roomId, { url: other.url });
    await listener.trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
    expect((await countMediaObjects(other.url, server.internalKey)).transports).toBe(before.transports + 1);
    listener.client.cut();
    await eventually(async () => {
      expect((await countMediaObjects(other.url, server.internalKey)).transports).toBe(before.transports);
    });
  });

  it('is told of everybody again when it has become small', async () => {
    for (const client of crowd.splice(0, crowdSize - quietAbove + 50)) await client.mutate('room.leave', { roomId });
    using events = await follow(early, 'room');
    await using joiner = await enter(server, roomId);
    await joiner.trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(events.types()).toEqual(['userJoined', 'userLeft']));
  });
});
