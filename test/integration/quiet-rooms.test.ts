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

  it('pages through all of its members', async () => {
    const userIds = new Set<number>();
    let cursor: number | null = 0;
    while (cursor !== null) {
      const page: Awaited<ReturnType<typeof owner.trpc.room.participants.query>> =
        await owner.trpc.room.participants.query({ roomId, cursor, limit: 200 });
      for (const { userId } of page.participants) userIds.add(userId);
      cursor = page.nextCursor;
    }
    expect(userIds.size).toBe(crowdSize + 2);
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
