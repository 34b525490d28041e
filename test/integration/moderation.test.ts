import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectOperator } from '../support/admin.ts';
import { refusal, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { openHostedRoom } from '../support/hosts.ts';
import { addRoom, enter } from '../support/members.ts';
import { findKeysOfRoom } from '../support/redis-keys.ts';
import { listen, speak } from '../support/speaking.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

describe('moderation', () => {
  let server: TestServer;
  let other: OtherServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_IDLE_SECONDS: '1', ROOM_GRACE_SECONDS: '2' } });
    other = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each([
    ['kick', 'kicked', 'KICKED'],
    ['ban', 'banned', 'BANNED'],
  ] as const)(
    'a %s ends session and sound within a second, on whatever node, with one leave',
    async (act, reason, code) => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, admin } = hosted;
      await using victim = await enter(server, roomId, { url: other.url });
      using room = await follow(owner, 'room');
      using theirs = await follow(victim, 'room');
      await victim.trpc.seat.take.mutate({ roomId, seat: 2 });
      await using speaking = await speak(victim);
      // The owner is on another node: what is heard is measured beside the victim.
      await using witness = await enter(server, roomId, { url: other.url });
      await using listening = await listen(witness, speaking.producerId);
      await eventually(() => expect(listening.packets()).toBeGreaterThan(5));

      const actedAt = performance.now();
      await admin.trpc.room[act].mutate({ roomId, userId: victim.user.id });
      expect((await listening.untilSilent()) - actedAt).toBeLessThan(1_000);
      await eventually(() => expect(theirs.refusal).toBe(code));
      expect(performance.now() - actedAt).toBeLessThan(2_000);
      expect(await refusalOf(victim.trpc.seat.take.mutate({ roomId }))).toBe(code);
      expect(await refusalOf(victim.trpc.media.createTransport.mutate({ roomId, direction: 'receive' }))).toBe(code);
      await eventually(() => expect(room.of('userLeft')).toHaveLength(1));
      expect(room.of('userLeft')).toEqual([{ type: 'userLeft', userId: victim.user.id, reason }]);
      expect(room.of('seatLeft')).toMatchObject([{ seat: 2, reason: 'memberLeft' }]);
      expect((await owner.trpc.room.get.query({ roomId })).producers).toEqual([]);
    },
  );

  it('who is kicked may join again, over the same connection too', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    await owner.trpc.room.kick.mutate({ roomId, userId: member.user.id });
    expect(await refusalOf(owner.trpc.room.kick.mutate({ roomId, userId: member.user.id }))).toBe('MEMBER_NOT_FOUND');
    await eventually(async () => expect(await refusalOf(member.trpc.room.leave.mutate({ roomId }))).toBe('KICKED'));
    const { sessionId } = member.joined;
    const again = await member.trpc.room.join.mutate({ roomId, sessionId });
    expect(again.resumed).toBe(false);
    expect(await member.trpc.seat.take.mutate({ roomId })).toEqual({ seat: 0 });
  });

  it('who is banned cannot come back: by the session, a new connection, a new token or on another node', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin, member } = hosted;
    const { user } = member;
    const ban = { roomId, userId: user.id, reason: 'Shouting' };
    await admin.trpc.room.ban.mutate(ban);
    await admin.trpc.room.ban.mutate(ban);
    const { sessionId } = member.joined;
    expect(await refusalOf(member.trpc.room.join.mutate({ roomId, sessionId }))).toBe('BANNED');
    expect(await refusalOf(member.trpc.room.get.query({ roomId }))).toBe('BANNED');
    expect(await refusalOf(enter(server, roomId, { user }))).toBe('BANNED');
    expect(await refusalOf(enter(server, roomId, { user, url: other.url, sessionId }))).toBe('BANNED');
    const token = server.laravel.addToken(user.id);
    expect(await refusalOf(enter(server, roomId, { user: { ...user, token } }))).toBe('BANNED');
    await using elsewhere = await enter(server, addRoom(server), { user });
    expect(elsewhere.joined.resumed).toBe(false);
  });

  it('a ban in the grace period of a lost socket holds', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin, member } = hosted;
    member.client.cut();
    await admin.trpc.room.ban.mutate({ roomId, userId: member.user.id });
    const { sessionId } = member.joined;
    expect(await refusalOf(enter(server, roomId, { user: member.user, sessionId }))).toBe('BANNED');
  });

  it('a timed ban ends by itself, one for good when it is lifted', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    await using second = await enter(server, roomId);
    await admin.trpc.room.ban.mutate({ roomId, userId: member.user.id, durationSeconds: 5, reason: 'Calm down' });
    await owner.trpc.room.ban.mutate({ roomId, userId: second.user.id });
    const { bans, nextCursor } = await admin.trpc.room.bans.query({ roomId });
    expect(nextCursor).toBeNull();
    expect(bans).toMatchObject([
      { userId: second.user.id, bannedBy: owner.user.id, until: null, reason: null },
      { userId: member.user.id, bannedBy: admin.user.id, reason: 'Calm down' },
    ]);
    expect((bans[1]?.until ?? 0) - (bans[1]?.bannedAt ?? 0)).toBe(5_000);
    expect(await refusalOf(member.trpc.room.join.mutate({ roomId }))).toBe('BANNED');
    await eventually(() => member.trpc.room.join.mutate({ roomId }), 15_000);
    expect(await refusalOf(second.trpc.room.join.mutate({ roomId }))).toBe('BANNED');
    expect((await admin.trpc.room.bans.query({ roomId })).bans).toHaveLength(1);
    for (let again = 0; again < 2; again += 1) await owner.trpc.room.unban.mutate({ roomId, userId: second.user.id });
    await second.trpc.room.join.mutate({ roomId });
    expect((await admin.trpc.room.bans.query({ roomId })).bans).toEqual([]);
  });

  it('who is banned is told until when and why, on whatever node, and of a ban without a reason that it has none', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin, member } = hosted;
    const { user } = member;
    const ban = { roomId, userId: user.id };
    await admin.trpc.room.ban.mutate({ ...ban, durationSeconds: 3_600, reason: 'Shouting, again' });
    const { bans } = await admin.trpc.room.bans.query({ roomId });
    const told = { code: 'BANNED', until: bans[0]?.until ?? expect.unreachable(), reason: 'Shouting, again' };
    expect(await refusal(enter(server, roomId, { user }))).toMatchObject(told);
    expect(await refusal(enter(server, roomId, { user, url: other.url }))).toMatchObject(told);
    expect(await refusal(member.trpc.room.get.query({ roomId }))).toMatchObject(told);
    await admin.trpc.room.ban.mutate(ban);
    expect(await refusal(enter(server, roomId, { user }))).toMatchObject({ code: 'BANNED', until: null, reason: null });
  });

  it('bans are listed page by page', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner } = hosted;
    const users = Array.from({ length: 5 }, () => server.laravel.addUser({ name: 'Never here' }));
    for (const { id } of users) await owner.trpc.room.ban.mutate({ roomId, userId: id });
    const first = await owner.trpc.room.bans.query({ roomId, limit: 3 });
    const second = await owner.trpc.room.bans.query({ roomId, limit: 3, cursor: first.nextCursor ?? 0 });
    expect(first.nextCursor).toBe(3);
    expect(second.nextCursor).toBeNull();
    expect([...first.bans, ...second.bans].map(({ userId }) => userId).toSorted()).toEqual(
      users.map(({ id }) => id).toSorted(),
    );
  });

  it('does not reach upwards, also when the target is not in the room', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin } = hosted;
    const awayAdmin = server.laravel.addUser({ name: 'Admin too' });
    server.laravel.setAdmin(roomId, awayAdmin.id);
    const ban = (userId: number) => refusalOf(admin.trpc.room.ban.mutate({ roomId, userId }));
    expect(await ban(owner.user.id)).toBe('NOT_ALLOWED');
    expect(await ban(admin.user.id)).toBe('NOT_ALLOWED');
    expect(await ban(awayAdmin.id)).toBe('NOT_ALLOWED');
    await owner.trpc.room.ban.mutate({ roomId, userId: awayAdmin.id });
    await owner.trpc.room.leave.mutate({ roomId });
    expect(await ban(owner.user.id)).toBe('NOT_ALLOWED');
    // Who cannot be told from a host is not banned by one.
    const stranger = server.laravel.addUser({ name: 'Stranger' });
    server.laravel.faults.set(`/internal/rooms/${roomId}/members`, { status: 503 });
    try {
      expect(await ban(stranger.id)).toBe('UPSTREAM_UNAVAILABLE');
    } finally {
      server.laravel.faults.clear();
    }
    await admin.trpc.room.ban.mutate({ roomId, userId: stranger.id });
  });

  it('a ban of the owner or of an operator is not lifted or shortened from below', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    const operator = connectOperator(server.url, server.internalKey).admin.participants;
    const [byOperator, byAdmin] = [server.laravel.addUser({ name: 'A' }), server.laravel.addUser({ name: 'B' })];
    await owner.trpc.room.ban.mutate({ roomId, userId: member.user.id });
    await operator.ban.mutate({ roomId, userId: byOperator.id });
    await admin.trpc.room.ban.mutate({ roomId, userId: byAdmin.id });
    const listed = async () => (await owner.trpc.room.bans.query({ roomId })).bans.map(({ userId }) => userId);
    for (const [host, userId] of [
      [admin, member.user.id],
      [admin, byOperator.id],
      [owner, byOperator.id],
    ] as const) {
      expect(await refusalOf(host.trpc.room.unban.mutate({ roomId, userId }))).toBe('NOT_ALLOWED');
      expect(await refusalOf(host.trpc.room.ban.mutate({ roomId, userId, durationSeconds: 1 }))).toBe('NOT_ALLOWED');
    }
    expect((await listed()).toSorted()).toEqual([member.user.id, byOperator.id, byAdmin.id].toSorted());
    // Downwards, and one's own.
    await owner.trpc.room.ban.mutate({ roomId, userId: byAdmin.id, reason: 'The same' });
    expect(await refusalOf(admin.trpc.room.unban.mutate({ roomId, userId: byAdmin.id }))).toBe('NOT_ALLOWED');
    for (const userId of [member.user.id, byAdmin.id]) await owner.trpc.room.unban.mutate({ roomId, userId });
    await operator.unban.mutate({ roomId, userId: byOperator.id });
    expect(await listed()).toEqual([]);
  });

  it('a ban in a room that does not exist is refused to operators, and leaves nothing', async () => {
    const { ban } = connectOperator(server.url, server.internalKey).admin.participants;
    const roomId = crypto.randomUUID();
    expect(await refusalOf(ban.mutate({ roomId, userId: 1 }))).toBe('ROOM_NOT_FOUND');
    expect(await findKeysOfRoom(server.store, roomId)).toEqual([]);
  });

  it('reaches whoever is in a room that Laravel does not have any more', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    server.laravel.closeRoom(roomId);
    const other = await server.startAnother();
    await connectOperator(other.url, server.internalKey).admin.participants.ban.mutate({
      roomId,
      userId: member.user.id,
    });
    expect((await owner.trpc.room.get.query({ roomId })).participantCount).toBe(2);
  });

  it('bans outlive the room, and a timed one leaves no key behind', async () => {
    const hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    await owner.trpc.room.ban.mutate({ roomId, userId: member.user.id, durationSeconds: 3 });
    await owner.trpc.room.close.mutate({ roomId });
    await hosted[Symbol.asyncDispose]();
    await using reopener = await enter(server, roomId, { user: owner.user });
    expect(await refusalOf(enter(server, roomId, { user: member.user }))).toBe('BANNED');
    await reopener.trpc.room.leave.mutate({ roomId });
    await eventually(async () => expect(await findKeysOfRoom(server.store, roomId)).toEqual([]), 6_000);
  });

  it('closing a room tells everybody why, on every node, and Laravel, and leaves nothing but the log for a while', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    await using there = await enter(server, roomId, { url: other.url });
    await there.trpc.seat.take.mutate({ roomId });
    using room = await follow(member, 'room');
    using theirs = await follow(there, 'room');
    await owner.trpc.room.close.mutate({ roomId, reason: 'Good night' });
    for (const following of [room, theirs]) {
      await eventually(() => expect(following.refusal).toBe('ROOM_CLOSED'));
      expect(following.of('roomClosed')).toEqual([
        { type: 'roomClosed', reason: 'closedByHost', message: 'Good night' },
      ]);
    }
    for (const { trpc } of [owner, member, there]) {
      await eventually(async () =>
        expect(await refusalOf(trpc.chat.send.mutate({ roomId, content: 'Hello?' }))).toBe('ROOM_CLOSED'),
      );
    }
    const log = `room:events:{${roomId}}`;
    expect(await findKeysOfRoom(server.store, roomId)).toEqual([log]);
    const left = await server.store.pttl(log);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
    const statuses = () => server.laravel.statusCalls().filter((call) => call.roomId === roomId);
    await eventually(() => expect(statuses().at(-1)).toMatchObject({ is_live: false, participant_count: 0 }));
    // It can be opened again while Laravel has it, and its log does not end then.
    await member.trpc.room.join.mutate({ roomId });
    expect(await server.store.pttl(log)).toBe(-1);
  });
});
