import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roomIdSchema, userIdSchema } from '../../src/core/ids.ts';
import { RoomStore } from '../../src/services/room-store.ts';
import { Scripts } from '../../src/services/redis/scripts.ts';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { openHostedRoom } from '../support/hosts.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('roles', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('come from Laravel with the join, and everybody sees them', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    using room = await follow(owner, 'room');
    await using late = await enter(server, roomId);
    const roles = new Map<number, string>(late.joined.snapshot.participants.map(({ userId, role }) => [userId, role]));
    expect([owner, admin, member, late].map(({ user }) => roles.get(user.id))).toEqual([
      'owner',
      'admin',
      'member',
      'member',
    ]);
    await eventually(() =>
      expect(room.of('userJoined').map(({ participant }) => participant.role)).toEqual(['member']),
    );
    const { participants } = await member.trpc.room.participants.query({ roomId });
    expect(participants.map(({ role }) => role).toSorted()).toEqual(['admin', 'member', 'member', 'owner']);
  });

  it('are not what a client says, nor those of whoever came first', async () => {
    const roomId = addRoom(server, { ownerId: server.laravel.addUser({ name: 'Away' }).id });
    await using first = await enter(server, roomId);
    expect(first.joined.snapshot.participants).toMatchObject([{ role: 'member' }]);
    expect(await refusalOf(first.trpc.seat.lock.mutate({ roomId, seat: 0 }))).toBe('NOT_ALLOWED');
    const forged = { roomId, seat: 0, role: 'owner' };
    expect(await refusalOf(first.trpc.seat.lock.mutate(forged))).toBe('BAD_INPUT');
  });

  it('change while their users are in the room, at once and with one event', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    using room = await follow(owner, 'room');
    const store = new RoomStore(server.store, new Scripts(server.store, 1_000));
    const setRole = (role: 'admin' | 'member') =>
      store.setRole(roomIdSchema.parse(roomId), userIdSchema.parse(member.user.id), role);
    await setRole('admin');
    await setRole('admin');
    await member.trpc.seat.lock.mutate({ roomId, seat: 0 });
    await setRole('member');
    expect(await refusalOf(member.trpc.seat.unlock.mutate({ roomId, seat: 0 }))).toBe('NOT_ALLOWED');
    await eventually(() => expect(room.types()).toEqual(['roleChanged', 'seatLockChanged', 'roleChanged']));
    expect(room.of('roleChanged')).toEqual([
      { type: 'roleChanged', userId: member.user.id, role: 'admin' },
      { type: 'roleChanged', userId: member.user.id, role: 'member' },
    ]);
  });

  it('of users who are not in the room wait for their next join', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, member } = hosted;
    await member.trpc.room.leave.mutate({ roomId });
    const store = new RoomStore(server.store, new Scripts(server.store, 1_000));
    await store.setRole(roomIdSchema.parse(roomId), userIdSchema.parse(member.user.id), 'admin');
    expect(await server.store.hexists(`room:roles:{${roomId}}`, String(member.user.id))).toBe(0);
  });

  it('that Laravel cannot tell keep nobody from joining, and take nothing from a member', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin } = hosted;
    const user = server.laravel.addUser({ name: 'New' });
    server.laravel.faults.set(`/internal/rooms/${roomId}/members`, { status: 503 });
    try {
      await using joined = await enter(server, roomId, { user });
      expect(joined.joined.snapshot.participants).toContainEqual(
        expect.objectContaining({ userId: user.id, role: 'member' }),
      );
      // A node that has never asked.
      const other = await server.startAnother();
      await using again = await enter(server, roomId, { user: admin.user, url: other.url });
      await again.trpc.seat.lock.mutate({ roomId, seat: 3 });
    } finally {
      server.laravel.faults.clear();
    }
  });

  it('do not help users whom the owner has blocked in Laravel', async () => {
    const roomId = addRoom(server);
    const user = server.laravel.addUser({ name: 'Blocked' });
    server.laravel.setBlocked(roomId, user.id);
    expect(await refusalOf(enter(server, roomId, { user }))).toBe('BANNED');
  });
});
