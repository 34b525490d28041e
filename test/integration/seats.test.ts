import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('seats', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('go to one of 200 who want the same one at the same time', async () => {
    const roomId = addRoom(server);
    const members = await Promise.all(Array.from({ length: 200 }, () => enter(server, roomId)));
    using room = await follow(members[0] ?? expect.unreachable(), 'room');
    const outcomes = await Promise.all(
      members.map(async ({ trpc, user }) => {
        const call = trpc.seat.take.mutate({ roomId, seat: 3 });
        const taken = await call.then(
          () => true,
          () => false,
        );
        return { userId: user.id, outcome: taken ? 'taken' : await refusalOf(call) };
      }),
    );
    const winners = outcomes.filter(({ outcome }) => outcome === 'taken');
    expect(winners).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'SEAT_TAKEN')).toHaveLength(199);
    await eventually(() => expect(room.of('seatTaken')).toHaveLength(1));
    expect(room.of('seatTaken')).toEqual([
      { type: 'seatTaken', seat: 3, userId: winners[0]?.userId, mutedByHost: false },
    ]);
    await Promise.all(members.map((member) => member.client.close()));
  });

  it('are 15 unless the room says otherwise, given out from the first, and then there is none', async () => {
    const roomId = addRoom(server);
    const members = await Promise.all(Array.from({ length: 16 }, () => enter(server, roomId)));
    const outcomes = await Promise.allSettled(members.map(({ trpc }) => trpc.seat.take.mutate({ roomId })));
    const seats = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.seat] : []));
    expect(seats.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, index) => index));
    const loser = members[outcomes.findIndex(({ status }) => status === 'rejected')] ?? expect.unreachable();
    expect(await refusalOf(loser.trpc.seat.take.mutate({ roomId }))).toBe('NO_FREE_SEAT');
    await Promise.all(members.map((member) => member.client.close()));
  });

  it('are given one a user: the same wish again is granted, another one is not', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    using room = await follow(member, 'room');
    expect(await member.trpc.seat.take.mutate({ roomId, seat: 5 })).toEqual({ seat: 5 });
    expect(await member.trpc.seat.take.mutate({ roomId, seat: 5 })).toEqual({ seat: 5 });
    expect(await member.trpc.seat.take.mutate({ roomId })).toEqual({ seat: 5 });
    expect(await refusalOf(member.trpc.seat.take.mutate({ roomId, seat: 6 }))).toBe('ALREADY_SEATED');
    await member.trpc.seat.leave.mutate({ roomId });
    await eventually(() => expect(room.types()).toEqual(['seatTaken', 'seatLeft']));
  });

  it('outside the room are refused', async () => {
    const roomId = addRoom(server, { seatCount: 4 });
    await using member = await enter(server, roomId);
    expect(await refusalOf(member.trpc.seat.take.mutate({ roomId, seat: 4 }))).toBe('SEAT_NOT_FOUND');
    for (const seat of [-1, 30, 1.5, Number.NaN]) {
      expect(await refusalOf(member.trpc.seat.take.mutate({ roomId, seat }))).toBe('BAD_INPUT');
    }
    expect(await member.trpc.seat.take.mutate({ roomId, seat: 3 })).toEqual({ seat: 3 });
  });

  it('can be left again and again, as after a lost answer, and are left once', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    using room = await follow(member, 'room');
    await member.trpc.seat.leave.mutate({ roomId });
    const { seat } = await member.trpc.seat.take.mutate({ roomId });
    await member.trpc.seat.leave.mutate({ roomId });
    await member.trpc.seat.leave.mutate({ roomId });
    await member.trpc.seat.take.mutate({ roomId });
    await eventually(() => expect(room.types()).toEqual(['seatTaken', 'seatLeft', 'seatTaken']));
    expect(room.of('seatLeft')).toEqual([{ type: 'seatLeft', seat, userId: member.user.id, reason: 'left' }]);
  });

  it('are freed when their user leaves the room', async () => {
    const roomId = addRoom(server);
    await using stayer = await enter(server, roomId);
    await using leaver = await enter(server, roomId);
    await leaver.trpc.seat.take.mutate({ roomId, seat: 9 });
    expect(await refusalOf(stayer.trpc.seat.take.mutate({ roomId, seat: 9 }))).toBe('SEAT_TAKEN');
    using room = await follow(stayer, 'room');
    await leaver.trpc.room.leave.mutate({ roomId });
    expect(await stayer.trpc.seat.take.mutate({ roomId, seat: 9 })).toEqual({ seat: 9 });
    await eventually(() => expect(room.types()).toEqual(['seatLeft', 'userLeft', 'seatTaken']));
  });

  it('are for members only', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    await using stranger = await enter(server, addRoom(server));
    await member.trpc.chat.send.mutate({ roomId, content: 'Here' });
    expect(await refusalOf(stranger.trpc.seat.take.mutate({ roomId }))).toBe('NOT_IN_ROOM');
    expect(await refusalOf(stranger.trpc.seat.leave.mutate({ roomId }))).toBe('NOT_IN_ROOM');
  });
});
