import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { inferRouterOutputs } from '@trpc/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppRouter } from '../../src/routers/index.ts';
import { connect, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const graceMs = 3_000;

type Page = inferRouterOutputs<AppRouter>['room']['participants'];

describe('membership', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_GRACE_SECONDS: String(graceMs / 1_000), TRUST_PROXY_HOPS: '1' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe('joining', () => {
    it('answers everything a client needs to show the room', async () => {
      const owner = server.laravel.addUser({ name: 'Owner', avatar: 'https://example.com/a.png' });
      const roomId = addRoom(server, { title: 'Jazz at night', ownerId: owner.id, seatCount: 4 });
      await using first = await enter(server, roomId, { user: owner });
      await first.trpc.seat.take.mutate({ roomId, seat: 2 });
      await using second = await enter(server, roomId);

      expect(second.joined).toMatchObject({
        resumed: false,
        user: { id: second.user.id, name: 'Somebody', avatar: null },
        gracePeriodMs: graceMs,
        iceServers: [],
        snapshot: {
          roomId,
          title: 'Jazz at night',
          ownerId: owner.id,
          participantCount: 2,
          producers: [],
          seats: [
            { index: 0, userId: null, locked: false, mutedByHost: false },
            { index: 1, userId: null, locked: false, mutedByHost: false },
            { index: 2, userId: owner.id, locked: false, mutedByHost: false },
            { index: 3, userId: null, locked: false, mutedByHost: false },
          ],
        },
      });
      expect(second.joined.sessionId).toMatch(/^[\da-f-]{36}$/);
      expect(second.joined.rtpCapabilities.codecs).toContainEqual(expect.objectContaining({ mimeType: 'audio/opus' }));
      expect(second.joined.snapshot.participants).toEqual([
        {
          userId: owner.id,
          name: 'Owner',
          avatar: 'https://example.com/a.png',
          joinedAt: first.joined.snapshot.participants[0]?.joinedAt,
          connected: true,
          role: 'owner',
          chatMuted: false,
        },
        expect.objectContaining({ userId: second.user.id, connected: true }),
      ]);
    });

    it('takes rooms by UUID in any case and by number', async () => {
      const uuid = randomUUID();
      addRoom(server, { id: uuid });
      await using byUuid = await enter(server, uuid.toUpperCase());
      expect(byUuid.joined.snapshot.roomId).toBe(uuid);
      addRoom(server, { id: '9007199254740993' });
      await using byNumber = await enter(server, '9007199254740993');
      expect(byNumber.joined.snapshot.roomId).toBe('9007199254740993');
    });

    it('is seen by those who are there', async () => {
      const roomId = addRoom(server);
      await using first = await enter(server, roomId);
      using room = await follow(first, 'room');
      await using second = await enter(server, roomId);
      await eventually(() => expect(room.events).toHaveLength(1));
      expect(room.events).toEqual([
        {
          type: 'userJoined',
          participant: expect.objectContaining({ userId: second.user.id, name: 'Somebody', connected: true }),
        },
      ]);
    });

    it('is refused for a room that does not exist, and for no room at all', async () => {
      await using client = connect(server.url, server.laravel.addUser({ name: 'Lost' }).token);
      const join = (roomId: string) => refusalOf(client.trpc.room.join.mutate({ roomId }));
      expect(await join(randomUUID())).toBe('ROOM_NOT_FOUND');
      expect(await join('123456789')).toBe('ROOM_NOT_FOUND');
      for (const nonsense of ['', '0', '-1', '1.5', '01', '1e3', '../rooms', '1}{2', ' 1']) {
        expect(await join(nonsense)).toBe('BAD_INPUT');
      }
    });

    it('is refused when the back end cannot say whether the room exists', async () => {
      const roomId = addRoom(server);
      server.laravel.faults.set(`/internal/rooms/${roomId}`, { down: true, times: 1 });
      await using client = connect(server.url, server.laravel.addUser({ name: 'Early' }).token);
      expect(await refusalOf(client.trpc.room.join.mutate({ roomId }))).toBe('UPSTREAM_UNAVAILABLE');
      expect(await client.trpc.room.join.mutate({ roomId })).toMatchObject({ resumed: false });
    });

    it('again over the same connection continues the session, as after a lost answer', async () => {
      await using member = await enter(server, addRoom(server));
      using room = await follow(member, 'room');
      const again = await member.trpc.room.join.mutate({ roomId: member.roomId });
      expect(again).toMatchObject({ sessionId: member.joined.sessionId, resumed: true });
      await member.trpc.seat.take.mutate({ roomId: member.roomId });
      await eventually(() => expect(room.types()).toEqual(['seatTaken']));
    });

    it('another room over the same connection is refused', async () => {
      await using member = await enter(server, addRoom(server));
      const other = addRoom(server);
      expect(await refusalOf(member.trpc.room.join.mutate({ roomId: other }))).toBe('ALREADY_IN_ANOTHER_ROOM');
      await member.trpc.room.leave.mutate({ roomId: member.roomId });
      expect(await member.trpc.room.join.mutate({ roomId: other })).toMatchObject({ resumed: false });
    });

    it('from a second tab takes the membership and its seat over from the first', async () => {
      const roomId = addRoom(server);
      await using observer = await enter(server, roomId);
      await using older = await enter(server, roomId);
      await older.trpc.seat.take.mutate({ roomId, seat: 5 });
      using olderRoom = await follow(older, 'room');
      using observed = await follow(observer, 'room');
      await using newer = await enter(server, roomId, { user: older.user });

      expect(newer.joined.resumed).toBe(false);
      expect(newer.joined.sessionId).not.toBe(older.joined.sessionId);
      expect(newer.joined.snapshot.participantCount).toBe(2);
      expect(newer.joined.snapshot.seats[5]?.userId).toBe(older.user.id);
      await eventually(() => expect(olderRoom.refusal).toBe('SESSION_REPLACED'));
      expect(olderRoom.events).toEqual([{ type: 'sessionReplaced', sessionId: older.joined.sessionId }]);
      for (const call of [
        older.trpc.chat.send.mutate({ roomId, content: 'Hello?' }),
        older.trpc.seat.leave.mutate({ roomId }),
        older.trpc.media.createTransport.mutate({ roomId, direction: 'receive' }),
        older.trpc.room.leave.mutate({ roomId }),
      ]) {
        expect(await refusalOf(call)).toBe('SESSION_REPLACED');
      }
      await older.client.close();
      await newer.trpc.chat.send.mutate({ roomId, content: 'It is me' });
      // The others see neither the change of tabs nor the end of the older one.
      expect(observed.events).toEqual([]);
    });

    it('a full room is refused, but not to its own members', async () => {
      await using small = await startTestServer({ env: { MAX_CLIENTS_PER_ROOM: '2' } });
      const roomId = addRoom(small);
      await using first = await enter(small, roomId);
      await using second = await enter(small, roomId);
      const late = connect(small.url, small.laravel.addUser({ name: 'Late' }).token);
      expect(await refusalOf(late.trpc.room.join.mutate({ roomId }))).toBe('ROOM_FULL');
      await using tab = await enter(small, roomId, { user: second.user });
      expect(tab.joined.snapshot.participantCount).toBe(2);
      await first.trpc.room.leave.mutate({ roomId });
      expect(await late.trpc.room.join.mutate({ roomId })).toMatchObject({ resumed: false });
      await late.close();
    });
  });

  describe('leaving', () => {
    it('is seen once, also when the socket closes right after', async () => {
      const roomId = addRoom(server);
      await using observer = await enter(server, roomId);
      const leaver = await enter(server, roomId);
      using room = await follow(observer, 'room');
      await leaver.trpc.room.leave.mutate({ roomId });
      await leaver.client.close();
      await using next = await enter(server, roomId);
      await eventually(() => expect(room.of('userJoined')).toHaveLength(1));
      expect(room.events).toEqual([
        { type: 'userLeft', userId: leaver.user.id, reason: 'left' },
        expect.objectContaining({ type: 'userJoined' }),
      ]);
      expect(next.joined.snapshot.participantCount).toBe(2);
    });

    it('ends what the member could do', async () => {
      const roomId = addRoom(server);
      await using member = await enter(server, roomId);
      using room = await follow(member, 'room');
      await member.trpc.room.leave.mutate({ roomId });
      await eventually(() => expect(room.refusal).toBe('NOT_IN_ROOM'));
      expect(await refusalOf(member.trpc.room.leave.mutate({ roomId }))).toBe('NOT_IN_ROOM');
      expect(await refusalOf(member.trpc.chat.send.mutate({ roomId, content: 'Hello' }))).toBe('NOT_IN_ROOM');
      expect(await refusalOf(member.trpc.chat.history.query({ roomId }))).toBe('NOT_IN_ROOM');
      expect(await refusalOf(member.trpc.room.participants.query({ roomId }))).toBe('NOT_IN_ROOM');
    });

    it('lets the next room be joined over the same connection at once', async () => {
      await using member = await enter(server, addRoom(server));
      await member.trpc.room.leave.mutate({ roomId: member.roomId });
      for (let round = 0; round < 20; round += 1) {
        const roomId = addRoom(server);
        await member.trpc.room.join.mutate({ roomId });
        await member.trpc.seat.take.mutate({ roomId });
        await member.trpc.room.leave.mutate({ roomId });
      }
    });

    it('is not possible for a room the caller is not in', async () => {
      await using member = await enter(server, addRoom(server));
      await using stranger = await enter(server, addRoom(server));
      expect(await refusalOf(stranger.trpc.room.leave.mutate({ roomId: member.roomId }))).toBe('NOT_IN_ROOM');
    });
  });

  describe('a lost socket', () => {
    it('keeps member, count and seat for the grace period, then everybody sees one leave', async () => {
      const roomId = addRoom(server);
      await using observer = await enter(server, roomId);
      const lost = await enter(server, roomId);
      await lost.trpc.seat.take.mutate({ roomId, seat: 3 });
      using room = await follow(observer, 'room');

      lost.client.cut();
      const cutAt = performance.now();
      await eventually(() => expect(room.events).toHaveLength(1), graceMs / 2);
      expect(room.events).toEqual([{ type: 'userConnectionChanged', userId: lost.user.id, connected: false }]);
      const meanwhile = await observer.trpc.room.get.query({ roomId });
      expect(meanwhile.participantCount).toBe(2);
      expect(meanwhile.seats[3]?.userId).toBe(lost.user.id);
      expect(meanwhile.participants).toContainEqual(
        expect.objectContaining({ userId: lost.user.id, connected: false }),
      );
      expect(await refusalOf(observer.trpc.seat.take.mutate({ roomId, seat: 3 }))).toBe('SEAT_TAKEN');

      await eventually(() => expect(room.events).toHaveLength(3));
      expect(performance.now() - cutAt).toBeGreaterThan(graceMs - 50);
      expect(room.events.slice(1)).toEqual([
        { type: 'seatLeft', seat: 3, userId: lost.user.id, reason: 'memberLeft' },
        { type: 'userLeft', userId: lost.user.id, reason: 'disconnected' },
      ]);
      const after = await observer.trpc.room.get.query({ roomId });
      expect(after.participantCount).toBe(1);
      expect(await observer.trpc.seat.take.mutate({ roomId, seat: 3 })).toEqual({ seat: 3 });
    });

    it('is mended within the grace period by continuing the session, without a leave or a join', async () => {
      const roomId = addRoom(server);
      await using observer = await enter(server, roomId);
      const lost = await enter(server, roomId);
      const { seat } = await lost.trpc.seat.take.mutate({ roomId });
      const transport = await lost.trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
      using room = await follow(observer, 'room');

      lost.client.cut();
      const { sessionId } = lost.joined;
      await using back = await enter(server, roomId, { user: lost.user, sessionId });
      expect(back.joined).toMatchObject({ sessionId, resumed: true });
      expect(back.joined.snapshot.seats[seat]?.userId).toBe(lost.user.id);
      // Its media is still there.
      const { transportId } = transport;
      expect(await back.trpc.media.restartIce.mutate({ roomId, transportId })).toHaveProperty('iceParameters');

      await using last = await enter(server, roomId);
      await eventually(() => expect(room.of('userJoined')).toHaveLength(1));
      expect(room.events.filter(({ type }) => type !== 'userConnectionChanged')).toEqual([
        expect.objectContaining({ type: 'userJoined', participant: expect.objectContaining({ userId: last.user.id }) }),
      ]);
      const changes = room.of('userConnectionChanged');
      expect(changes.map(({ connected }) => connected)).toEqual(changes.length === 0 ? [] : [false, true]);

      // The grace period that began with the loss is over without effect.
      await sleep(graceMs + 200);
      expect((await back.trpc.room.get.query({ roomId })).participantCount).toBe(3);
      expect(room.types()).not.toContain('userLeft');
    });

    it('is told when it is mended from another address, since media must find its way anew', async () => {
      const roomId = addRoom(server);
      const lost = await enter(server, roomId, { forwardedFor: '192.0.2.1' });
      expect(lost.joined.addressChanged).toBe(false);
      lost.client.cut();
      const { user } = lost;
      const { sessionId } = lost.joined;
      const same = await enter(server, roomId, { user, sessionId, forwardedFor: '192.0.2.1' });
      expect(same.joined).toMatchObject({ resumed: true, addressChanged: false });
      same.client.cut();
      const moved = await enter(server, roomId, { user, sessionId, forwardedFor: '198.51.100.7' });
      expect(moved.joined).toMatchObject({ resumed: true, addressChanged: true });
      moved.client.cut();
      await using settled = await enter(server, roomId, { user, sessionId, forwardedFor: '198.51.100.7' });
      expect(settled.joined).toMatchObject({ resumed: true, addressChanged: false });
    });

    it('can be replaced before the server notices, and the older socket is then closed', async () => {
      const roomId = addRoom(server);
      await using older = await enter(server, roomId);
      await using newer = await enter(server, roomId, { user: older.user, sessionId: older.joined.sessionId });
      expect(newer.joined).toMatchObject({ sessionId: older.joined.sessionId, resumed: true });
      expect(await older.client.ended).toMatchObject({ code: 4409 });
      expect(await newer.trpc.seat.take.mutate({ roomId })).toEqual({ seat: 0 });
    });

    it('ends the session for good after the grace period', async () => {
      const roomId = addRoom(server);
      await using observer = await enter(server, roomId);
      const lost = await enter(server, roomId);
      using room = await follow(observer, 'room');
      lost.client.cut();
      await eventually(() => expect(room.of('userLeft')).toHaveLength(1));
      await using back = await enter(server, roomId, { user: lost.user, sessionId: lost.joined.sessionId });
      expect(back.joined.resumed).toBe(false);
      expect(back.joined.sessionId).not.toBe(lost.joined.sessionId);
    });

    it("does not let somebody else continue another user's session", async () => {
      const roomId = addRoom(server);
      await using victim = await enter(server, roomId);
      await using thief = await enter(server, roomId, { sessionId: victim.joined.sessionId });
      expect(thief.joined.resumed).toBe(false);
      expect(thief.joined.sessionId).not.toBe(victim.joined.sessionId);
      expect(await victim.trpc.chat.send.mutate({ roomId, content: 'Mine' })).toMatchObject({ content: 'Mine' });
    });
  });

  it('lists participants page by page, each once', async () => {
    const roomId = addRoom(server);
    const members = await Promise.all(Array.from({ length: 25 }, () => enter(server, roomId)));
    const reader = members[0] ?? expect.unreachable();
    const listed: number[] = [];
    let cursor: string | undefined | null;
    let pages = 0;
    while (cursor !== null) {
      const page: Page = await reader.trpc.room.participants.query({ roomId, cursor, limit: 10 });
      listed.push(...page.participants.map(({ userId }) => userId));
      cursor = page.nextCursor;
      pages += 1;
    }
    expect(pages).toBe(3);
    expect(listed.toSorted()).toEqual(members.map(({ user }) => user.id).toSorted());
    await Promise.all(members.map((member) => member.client.close()));
  });
});
