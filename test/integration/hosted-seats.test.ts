import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { openHostedRoom } from '../support/hosts.ts';
import { enter } from '../support/members.ts';
import { listen, speak } from '../support/speaking.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** Both must outlast a reconnect on a slow machine. */
const graceMs = 4_000;
const invitationMs = 6_000;

describe('seats that hosts give', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({
      env: { ROOM_GRACE_SECONDS: String(graceMs / 1_000) },
      adjust: (config) => ({ ...config, rooms: { ...config.rooms, invitationMs } }),
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe('a raised hand', () => {
    it('is the way to a seat where hosts give them, in the order of the queue', async () => {
      await using hosted = await openHostedRoom(server, { seatMode: 'apply' });
      const { roomId, owner, admin, member } = hosted;
      await using second = await enter(server, roomId);
      using room = await follow(owner, 'room');
      expect(member.joined.snapshot.seatMode).toBe('apply');
      expect(await refusalOf(member.trpc.seat.take.mutate({ roomId }))).toBe('SEAT_NEEDS_APPROVAL');
      expect(await refusalOf(member.trpc.seat.take.mutate({ roomId, seat: 4 }))).toBe('SEAT_NEEDS_APPROVAL');
      await member.trpc.seat.request.mutate({ roomId });
      await member.trpc.seat.request.mutate({ roomId });
      await second.trpc.seat.request.mutate({ roomId });
      const { requests } = await owner.trpc.room.get.query({ roomId });
      expect(requests.map(({ userId }) => userId)).toEqual([member.user.id, second.user.id]);

      expect(await admin.trpc.seat.take.mutate({ roomId })).toEqual({ seat: 0 });
      const approve = { roomId, userId: member.user.id };
      expect(await admin.trpc.seat.approve.mutate(approve)).toEqual({ seat: 1 });
      expect(await admin.trpc.seat.approve.mutate(approve)).toEqual({ seat: 1 });
      await owner.trpc.seat.reject.mutate({ roomId, userId: second.user.id });
      await owner.trpc.seat.reject.mutate({ roomId, userId: second.user.id });
      expect(await refusalOf(owner.trpc.seat.approve.mutate({ roomId, userId: second.user.id }))).toBe(
        'REQUEST_NOT_FOUND',
      );
      expect(await refusalOf(owner.trpc.seat.reject.mutate(approve))).toBe('REQUEST_NOT_FOUND');
      await eventually(() => expect(room.events).toHaveLength(6));
      expect(room.events).toMatchObject([
        { type: 'seatRequested', request: { userId: member.user.id } },
        { type: 'seatRequested', request: { userId: second.user.id } },
        { type: 'seatTaken', seat: 0, userId: admin.user.id },
        { type: 'seatTaken', seat: 1, userId: member.user.id },
        { type: 'seatRequestEnded', userId: member.user.id, reason: 'approved' },
        { type: 'seatRequestEnded', userId: second.user.id, reason: 'rejected' },
      ]);
    });

    it('of a host is not taken down by an equal, nor that of the owner by an admin', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, admin, member } = hosted;
      const equal = server.laravel.addUser({ name: 'Admin too' });
      server.laravel.setAdmin(roomId, equal.id);
      await using otherAdmin = await enter(server, roomId, { user: equal });
      for (const { trpc } of [owner, admin, member]) await trpc.seat.request.mutate({ roomId });
      const reject = (userId: number) => refusalOf(otherAdmin.trpc.seat.reject.mutate({ roomId, userId }));
      expect(await reject(owner.user.id)).toBe('NOT_ALLOWED');
      expect(await reject(admin.user.id)).toBe('NOT_ALLOWED');
      await otherAdmin.trpc.seat.reject.mutate({ roomId, userId: member.user.id });
      await owner.trpc.seat.reject.mutate({ roomId, userId: admin.user.id });
      const { requests } = await owner.trpc.room.get.query({ roomId });
      expect(requests.map(({ userId }) => userId)).toEqual([owner.user.id]);
    });

    it('can be taken down, again too, and ends with a seat taken or the membership', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, admin, member } = hosted;
      using room = await follow(owner, 'room');
      await member.trpc.seat.cancel.mutate({ roomId });
      await member.trpc.seat.request.mutate({ roomId });
      await member.trpc.seat.cancel.mutate({ roomId });
      await member.trpc.seat.cancel.mutate({ roomId });
      await member.trpc.seat.request.mutate({ roomId });
      await member.trpc.seat.take.mutate({ roomId });
      expect(await refusalOf(member.trpc.seat.request.mutate({ roomId }))).toBe('ALREADY_SEATED');
      await admin.trpc.seat.request.mutate({ roomId });
      await admin.trpc.room.leave.mutate({ roomId });
      await eventually(() => expect(room.types()).toContain('userLeft'));
      expect(room.of('seatRequestEnded').map(({ reason }) => reason)).toEqual(['canceled', 'seated', 'memberLeft']);
      expect((await owner.trpc.room.get.query({ roomId })).requests).toEqual([]);
      expect(await refusalOf(owner.trpc.seat.approve.mutate({ roomId, userId: admin.user.id }))).toBe(
        'MEMBER_NOT_FOUND',
      );
    });

    it('stays up when no seat is free', async () => {
      await using hosted = await openHostedRoom(server, { seatCount: 1, seatMode: 'apply' });
      const { roomId, owner, member } = hosted;
      await owner.trpc.seat.take.mutate({ roomId });
      await member.trpc.seat.request.mutate({ roomId });
      const approve = { roomId, userId: member.user.id };
      expect(await refusalOf(owner.trpc.seat.approve.mutate(approve))).toBe('NO_FREE_SEAT');
      expect(await refusalOf(owner.trpc.seat.approve.mutate({ ...approve, seat: 0 }))).toBe('SEAT_TAKEN');
      expect((await owner.trpc.room.get.query({ roomId })).requests).toMatchObject([{ userId: member.user.id }]);
    });
  });

  describe('an invitation', () => {
    it('is accepted once, is granted again, and passes the lock and the mode of the seat that it names', async () => {
      await using hosted = await openHostedRoom(server, { seatMode: 'apply' });
      const { roomId, owner, admin, member } = hosted;
      using room = await follow(owner, 'room');
      await owner.trpc.seat.lock.mutate({ roomId, seat: 2 });
      const invite = { roomId, userId: member.user.id, seat: 2 };
      const { expiresAt } = await admin.trpc.seat.invite.mutate(invite);
      expect(await admin.trpc.seat.invite.mutate(invite)).toEqual({ expiresAt });
      expect(expiresAt - Date.now()).toBeGreaterThan(0);
      const { invitations } = await member.trpc.room.get.query({ roomId });
      expect(invitations).toEqual([{ userId: member.user.id, seat: 2, invitedBy: admin.user.id, expiresAt }]);
      expect(await member.trpc.seat.accept.mutate({ roomId })).toEqual({ seat: 2 });
      expect(await member.trpc.seat.accept.mutate({ roomId })).toEqual({ seat: 2 });
      expect(await refusalOf(admin.trpc.seat.invite.mutate(invite))).toBe('ALREADY_SEATED');
      await sleep(invitationMs + 200);
      expect(room.events.slice(1)).toMatchObject([
        { type: 'seatInvited', invitation: { userId: member.user.id, seat: 2, invitedBy: admin.user.id, expiresAt } },
        { type: 'seatTaken', seat: 2, userId: member.user.id },
        { type: 'seatInvitationEnded', userId: member.user.id, reason: 'accepted' },
      ]);
    });

    it('to a locked seat is good for taking that one, and no other', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, member } = hosted;
      for (const seat of [1, 2]) await owner.trpc.seat.lock.mutate({ roomId, seat });
      await owner.trpc.seat.invite.mutate({ roomId, userId: member.user.id, seat: 2 });
      expect(await refusalOf(member.trpc.seat.take.mutate({ roomId, seat: 1 }))).toBe('SEAT_LOCKED');
      expect(await member.trpc.seat.take.mutate({ roomId, seat: 2 })).toEqual({ seat: 2 });
      expect((await owner.trpc.room.get.query({ roomId })).invitations).toEqual([]);
    });

    it('to whatever seat gives the first that is neither taken nor locked', async () => {
      await using hosted = await openHostedRoom(server, { seatCount: 3 });
      const { roomId, owner, admin, member } = hosted;
      await owner.trpc.seat.take.mutate({ roomId, seat: 0 });
      await owner.trpc.seat.lock.mutate({ roomId, seat: 1 });
      await owner.trpc.seat.invite.mutate({ roomId, userId: member.user.id });
      expect(await member.trpc.seat.accept.mutate({ roomId })).toEqual({ seat: 2 });
      expect(await refusalOf(owner.trpc.seat.invite.mutate({ roomId, userId: admin.user.id }))).toBe('NO_FREE_SEAT');
      expect(await refusalOf(owner.trpc.seat.invite.mutate({ roomId, userId: admin.user.id, seat: 0 }))).toBe(
        'SEAT_TAKEN',
      );
      expect(await refusalOf(owner.trpc.seat.invite.mutate({ roomId, userId: admin.user.id, seat: 9 }))).toBe(
        'SEAT_NOT_FOUND',
      );
    });

    it('can be declined, and is over then', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, member } = hosted;
      using room = await follow(owner, 'room');
      await owner.trpc.seat.invite.mutate({ roomId, userId: member.user.id, seat: 5 });
      await member.trpc.seat.decline.mutate({ roomId });
      await member.trpc.seat.decline.mutate({ roomId });
      expect(await refusalOf(member.trpc.seat.accept.mutate({ roomId }))).toBe('INVITATION_NOT_FOUND');
      await eventually(() => expect(room.types()).toEqual(['seatInvited', 'seatInvitationEnded']));
      expect(room.of('seatInvitationEnded')).toMatchObject([{ reason: 'declined' }]);
    });

    it('ends by itself, and not before its time', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, member } = hosted;
      using room = await follow(owner, 'room');
      const { expiresAt } = await owner.trpc.seat.invite.mutate({ roomId, userId: member.user.id });
      await eventually(() => expect(room.of('seatInvitationEnded')).toHaveLength(1), 3 * invitationMs);
      expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
      expect(Date.now() - expiresAt).toBeLessThan(5_000);
      expect(room.of('seatInvitationEnded')).toMatchObject([{ userId: member.user.id, reason: 'expired' }]);
      expect(await refusalOf(member.trpc.seat.accept.mutate({ roomId }))).toBe('INVITATION_NOT_FOUND');
    });

    it('is over when its time is, whatever any timer did', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, member } = hosted;
      const userId = member.user.id;
      await owner.trpc.seat.invite.mutate({ roomId, userId });
      await server.store.hset(`room:invitations:{${roomId}}`, String(userId), `- ${owner.user.id} ${Date.now() - 1}`);
      expect(await refusalOf(member.trpc.seat.accept.mutate({ roomId }))).toBe('INVITATION_NOT_FOUND');
    });
  });

  it('are kept, with hand and invitation, over a lost socket, and go with the member', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner } = hosted;
    const [seated, waiting] = [await enter(server, roomId), await enter(server, roomId)];
    await seated.trpc.seat.take.mutate({ roomId, seat: 7 });
    await waiting.trpc.seat.request.mutate({ roomId });
    await owner.trpc.seat.invite.mutate({ roomId, userId: waiting.user.id });
    for (const { client } of [seated, waiting]) client.cut();
    await using back = await enter(server, roomId, { user: waiting.user, sessionId: waiting.joined.sessionId });
    expect(back.joined.snapshot).toMatchObject({
      requests: [{ userId: waiting.user.id }],
      invitations: [{ userId: waiting.user.id }],
    });
    expect(back.joined.snapshot.seats[7]?.userId).toBe(seated.user.id);
    using room = await follow(owner, 'room');
    back.client.cut();
    await eventually(() => expect(room.of('userLeft')).toHaveLength(2), 5 * graceMs);
    const after = await owner.trpc.room.get.query({ roomId });
    expect(after).toMatchObject({ requests: [], invitations: [], participantCount: 3 });
    expect(after.seats[7]?.userId).toBeNull();
  });

  it('can be locked, also under their speaker, and unlocked', async () => {
    await using hosted = await openHostedRoom(server, { seatCount: 2 });
    const { roomId, owner, admin, member } = hosted;
    using room = await follow(owner, 'room');
    await member.trpc.seat.take.mutate({ roomId, seat: 0 });
    for (const seat of [0, 0, 1]) await admin.trpc.seat.lock.mutate({ roomId, seat });
    expect((await owner.trpc.room.get.query({ roomId })).seats).toMatchObject([
      { userId: member.user.id, locked: true },
      { userId: null, locked: true },
    ]);
    expect(await refusalOf(owner.trpc.seat.take.mutate({ roomId, seat: 1 }))).toBe('SEAT_LOCKED');
    expect(await refusalOf(owner.trpc.seat.take.mutate({ roomId }))).toBe('NO_FREE_SEAT');
    expect(await refusalOf(member.trpc.seat.move.mutate({ roomId, seat: 1 }))).toBe('SEAT_LOCKED');
    await admin.trpc.seat.unlock.mutate({ roomId, seat: 1 });
    await admin.trpc.seat.unlock.mutate({ roomId, seat: 1 });
    await member.trpc.seat.move.mutate({ roomId, seat: 1 });
    expect(await refusalOf(admin.trpc.seat.lock.mutate({ roomId, seat: 2 }))).toBe('SEAT_NOT_FOUND');
    await eventually(() => expect(room.types()).toContain('seatMoved'));
    expect(room.events.slice(1)).toEqual([
      { type: 'seatLockChanged', seat: 0, locked: true },
      { type: 'seatLockChanged', seat: 1, locked: true },
      { type: 'seatLockChanged', seat: 1, locked: false },
      { type: 'seatMoved', userId: member.user.id, from: 0, to: 1 },
    ]);
  });

  it('are changed without a break in what the speaker sends', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    await member.trpc.seat.take.mutate({ roomId, seat: 0 });
    await using speaking = await speak(member);
    expect(await refusalOf(owner.trpc.seat.move.mutate({ roomId, seat: 3 }))).toBe('NOT_SEATED');
    await owner.trpc.seat.take.mutate({ roomId, seat: 1 });
    expect(await refusalOf(member.trpc.seat.move.mutate({ roomId, seat: 1 }))).toBe('SEAT_TAKEN');
    await member.trpc.seat.move.mutate({ roomId, seat: 3 });
    await member.trpc.seat.move.mutate({ roomId, seat: 3 });
    const after = await owner.trpc.room.get.query({ roomId });
    expect(after.producers).toMatchObject([{ producerId: speaking.producerId }]);
    expect(after.seats.flatMap(({ index, userId }) => (userId === null ? [] : [index]))).toEqual([1, 3]);
  });

  it('can be taken from a speaker, who is a listener then', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    using room = await follow(owner, 'room');
    await member.trpc.seat.take.mutate({ roomId, seat: 0 });
    await using _speaking = await speak(member);
    for (let again = 0; again < 2; again += 1) await admin.trpc.seat.remove.mutate({ roomId, userId: member.user.id });
    await eventually(() => expect(room.of('seatLeft')).toHaveLength(1));
    expect(room.of('seatLeft')).toEqual([{ type: 'seatLeft', seat: 0, userId: member.user.id, reason: 'removed' }]);
    expect((await owner.trpc.room.get.query({ roomId })).producers).toEqual([]);
    expect(await refusalOf(member.trpc.media.createTransport.mutate({ roomId, direction: 'send' }))).toBe('NOT_SEATED');
  });

  it('change in number: speakers on removed ones become listeners, what belonged to those ends', async () => {
    await using hosted = await openHostedRoom(server, { seatCount: 6 });
    const { roomId, owner, admin, member } = hosted;
    await using invited = await enter(server, roomId);
    await member.trpc.seat.take.mutate({ roomId, seat: 5 });
    await owner.trpc.seat.take.mutate({ roomId, seat: 4 });
    await owner.trpc.seat.lock.mutate({ roomId, seat: 3 });
    await owner.trpc.seat.invite.mutate({ roomId, userId: invited.user.id, seat: 3 });
    using room = await follow(owner, 'room');
    await admin.trpc.seat.setCount.mutate({ roomId, seatCount: 6 });
    // The owner sits on one of them.
    expect(await refusalOf(admin.trpc.seat.setCount.mutate({ roomId, seatCount: 2 }))).toBe('NOT_ALLOWED');
    await owner.trpc.seat.setCount.mutate({ roomId, seatCount: 2 });
    await owner.trpc.seat.setCount.mutate({ roomId, seatCount: 30 });
    await eventually(() => expect(room.of('seatCountChanged')).toHaveLength(2));
    expect(room.of('seatLeft').toSorted((a, b) => a.seat - b.seat)).toEqual([
      { type: 'seatLeft', seat: 4, userId: owner.user.id, reason: 'seatCountReduced' },
      { type: 'seatLeft', seat: 5, userId: member.user.id, reason: 'seatCountReduced' },
    ]);
    expect(room.of('seatInvitationEnded')).toMatchObject([{ userId: invited.user.id, reason: 'canceled' }]);
    const { seats } = await member.trpc.room.get.query({ roomId });
    expect(seats).toHaveLength(30);
    expect(seats.every(({ userId, locked }) => userId === null && !locked)).toBe(true);
    for (const seatCount of [0, 31, 2.5]) {
      expect(await refusalOf(owner.trpc.seat.setCount.mutate({ roomId, seatCount }))).toBe('BAD_INPUT');
    }
  });

  it('change their mode, for everybody at once', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin, member } = hosted;
    using room = await follow(member, 'room');
    await admin.trpc.seat.setMode.mutate({ roomId, seatMode: 'apply' });
    await admin.trpc.seat.setMode.mutate({ roomId, seatMode: 'apply' });
    expect(await refusalOf(member.trpc.seat.take.mutate({ roomId }))).toBe('SEAT_NEEDS_APPROVAL');
    await admin.trpc.seat.setMode.mutate({ roomId, seatMode: 'free' });
    expect(await member.trpc.seat.take.mutate({ roomId })).toEqual({ seat: 0 });
    await eventually(() => expect(room.types()).toEqual(['seatModeChanged', 'seatModeChanged', 'seatTaken']));
  });

  describe("a host's mute", () => {
    it('silences the speaker within a second, who cannot lift it, and is heard again when it is lifted', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, admin, member } = hosted;
      using room = await follow(owner, 'room');
      await member.trpc.seat.take.mutate({ roomId, seat: 0 });
      await using speaking = await speak(member);
      await using listening = await listen(owner, speaking.producerId);
      await eventually(() => expect(listening.packets()).toBeGreaterThan(5));

      const mutedAt = performance.now();
      await admin.trpc.seat.mute.mutate({ roomId, userId: member.user.id });
      expect((await listening.untilSilent()) - mutedAt).toBeLessThan(1_000);
      await admin.trpc.seat.mute.mutate({ roomId, userId: member.user.id });
      const { producerId } = speaking;
      expect(await refusalOf(member.trpc.media.resumeProducer.mutate({ roomId, producerId }))).toBe('MUTED_BY_HOST');
      expect((await member.trpc.room.get.query({ roomId })).seats[0]).toMatchObject({ mutedByHost: true });
      // What the speaker does to its own producer is another matter.
      expect((await owner.trpc.room.get.query({ roomId })).producers).toMatchObject([{ paused: false }]);

      const before = listening.packets();
      await sleep(300);
      expect(listening.packets()).toBe(before);
      await admin.trpc.seat.unmute.mutate({ roomId, userId: member.user.id });
      await admin.trpc.seat.unmute.mutate({ roomId, userId: member.user.id });
      await eventually(() => expect(listening.packets()).toBeGreaterThan(before + 5));
      await eventually(() =>
        expect(room.of('speakerMuteChanged')).toEqual(
          [true, false].map((muted) => ({
            type: 'speakerMuteChanged',
            userId: member.user.id,
            muted,
            by: admin.user.id,
          })),
        ),
      );
    });

    it('leaves a speaker silent who has muted itself, until it unmutes', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, member } = hosted;
      await member.trpc.seat.take.mutate({ roomId });
      await using speaking = await speak(member);
      await using listening = await listen(owner, speaking.producerId);
      await eventually(() => expect(listening.packets()).toBeGreaterThan(5));
      const { producerId } = speaking;
      await member.trpc.media.pauseProducer.mutate({ roomId, producerId });
      await owner.trpc.seat.mute.mutate({ roomId, userId: member.user.id });
      await owner.trpc.seat.unmute.mutate({ roomId, userId: member.user.id });
      await listening.untilSilent();
      const before = listening.packets();
      await sleep(300);
      expect(listening.packets()).toBe(before);
      await member.trpc.media.resumeProducer.mutate({ roomId, producerId });
      await eventually(() => expect(listening.packets()).toBeGreaterThan(before + 5));
    });

    it('can be lifted from whoever has left, not put on them', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, admin, member } = hosted;
      const target = { roomId, userId: member.user.id };
      await admin.trpc.seat.mute.mutate(target);
      await member.trpc.room.leave.mutate({ roomId });
      await admin.trpc.seat.unmute.mutate(target);
      expect(await refusalOf(admin.trpc.seat.mute.mutate(target))).toBe('MEMBER_NOT_FOUND');
      await member.trpc.room.join.mutate({ roomId });
      await member.trpc.seat.take.mutate({ roomId, seat: 1 });
      expect((await owner.trpc.room.get.query({ roomId })).seats[1]).toMatchObject({ mutedByHost: false });
    });

    it('stays with the user over seat, leave, return and new producers', async () => {
      await using hosted = await openHostedRoom(server);
      const { roomId, owner, member } = hosted;
      await member.trpc.seat.take.mutate({ roomId });
      await owner.trpc.seat.mute.mutate({ roomId, userId: member.user.id });
      await member.trpc.room.leave.mutate({ roomId });
      await using back = await enter(server, roomId, { user: member.user });
      using room = await follow(owner, 'room');
      using media = await follow(owner, 'media');
      await back.trpc.seat.take.mutate({ roomId, seat: 3 });
      await using speaking = await speak(back);
      await using listening = await listen(owner, speaking.producerId);
      await eventually(() => expect(media.of('producerOpened')).toMatchObject([{ mutedByHost: true }]));
      expect(room.of('seatTaken')).toMatchObject([{ seat: 3, mutedByHost: true }]);
      await sleep(400);
      expect(listening.packets()).toBe(0);
      await owner.trpc.seat.unmute.mutate({ roomId, userId: member.user.id });
      await eventually(() => expect(listening.packets()).toBeGreaterThan(5));
    });
  });
});
