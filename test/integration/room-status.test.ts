import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectOperator } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter } from '../support/members.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

/** Least time between two calls of one node for one room (services/room-status.ts), ms. */
const intervalMs = 3_000;

describe('the status that Laravel is told', () => {
  let server: TestServer;
  let other: OtherServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_GRACE_SECONDS: '1', ROOM_IDLE_SECONDS: '1' } });
    other = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => server.laravel.faults.clear());

  const callsOf = (roomId: string) => server.laravel.statusCalls().filter((call) => call.roomId === roomId);
  const pathOf = (roomId: string): string => `/internal/rooms/${roomId}/status`;

  it('is coalesced, at most one call a room and 3 s, and ends on the truth', async () => {
    const roomId = addRoom(server);
    const members = [];
    for (let count = 0; count < 10; count += 1) members.push(await enter(server, roomId));
    await eventually(() => expect(callsOf(roomId).at(-1)).toMatchObject({ is_live: true, participant_count: 10 }));
    for (const { trpc } of members.slice(0, 4)) await trpc.room.leave.mutate({ roomId });
    await eventually(() => expect(callsOf(roomId).at(-1)).toMatchObject({ participant_count: 6 }));
    const times = callsOf(roomId).map(({ receivedAt }) => receivedAt);
    for (const [index, at] of times.slice(1).entries()) {
      expect(at - (times[index] ?? 0)).toBeGreaterThan(intervalMs - 100);
    }
    await Promise.all(members.map(({ client }) => client.close()));
  });

  it('ends on the truth when the call of one node arrives after a later one of another', async () => {
    const roomId = addRoom(server);
    server.laravel.faults.set(pathOf(roomId), { delayMs: 1_000, times: 1 });
    await using first = await enter(server, roomId);
    await eventually(() => expect(server.laravel.faults.met(pathOf(roomId))).toBe(1));
    await using second = await enter(server, roomId, { url: other.url });
    await eventually(() => expect(callsOf(roomId).map((call) => call.participant_count)).toEqual([2, 1]));
    // The first node finds what it said outdated, and says it again.
    await eventually(() => expect(callsOf(roomId).map((call) => call.participant_count)).toEqual([2, 1, 2]));
    expect(first.joined.snapshot.participantCount + 1).toBe(second.joined.snapshot.participantCount);
  });

  it('is closed in the end when a late call of another node says that the room is live', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    await eventually(() => expect(callsOf(roomId)).toHaveLength(1));
    server.laravel.faults.set(pathOf(roomId), { delayMs: 1_500, times: 1 });
    await using _there = await enter(server, roomId, { url: other.url });
    await eventually(() => expect(server.laravel.faults.met(pathOf(roomId))).toBe(1));
    await connectOperator(server.url, server.internalKey).admin.rooms.close.mutate({ roomId });
    await eventually(() => expect(callsOf(roomId).map((call) => call.is_live)).toContain(false));
    await eventually(
      () => expect(callsOf(roomId).at(-1)).toMatchObject({ is_live: false, participant_count: 0 }),
      15_000,
    );
    await eventually(async () => expect(await server.store.hlen('rooms:unreported')).toBe(0));
    expect(member.joined.resumed).toBe(false);
  });

  it.each([401, 403, 408, 429])('is repeated after a %i, as while a key is being changed', async (status) => {
    const roomId = addRoom(server);
    server.laravel.faults.set(pathOf(roomId), { status });
    await using _member = await enter(server, roomId);
    await eventually(() => expect(server.laravel.faults.met(pathOf(roomId))).toBe(1));
    server.laravel.faults.clear();
    await eventually(() => expect(callsOf(roomId)).toMatchObject([{ is_live: true, participant_count: 1 }]), 20_000);
  });

  it('is repeated while Laravel fails, and told by another node when the first one dies', async () => {
    const doomed = await server.startProcess();
    const roomId = addRoom(server);
    await using member = await enter(server, roomId, { url: doomed.url });
    await eventually(() => expect(callsOf(roomId)).toHaveLength(1));
    server.laravel.faults.set(pathOf(roomId), { status: 503 });
    const leftAt = Date.now();
    await member.trpc.room.leave.mutate({ roomId });
    await eventually(async () => expect(await server.store.hkeys('rooms:unreported')).toContain(roomId));
    await doomed.kill();
    server.laravel.faults.clear();
    await eventually(() => expect(callsOf(roomId).at(-1)).toMatchObject({ is_live: false }), 20_000);
    // It says when the room closed, not when that was found out.
    const closedAt = Date.parse(callsOf(roomId).at(-1)?.closed_at ?? '');
    expect(closedAt - leftAt).toBeGreaterThan(900);
    expect(closedAt - leftAt).toBeLessThan(4_000);
    await eventually(async () => expect(await server.store.hkeys('rooms:unreported')).not.toContain(roomId));
  });
});
