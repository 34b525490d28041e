import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

/** How long the late node waits for Laravel, ms. */
const lateMs = 600;

describe('a join that is completed late', () => {
  let server: TestServer;
  let late: OtherServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
    late = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Begins a join over a connection to the node that has to ask Laravel about the room first, and is kept waiting. */
  async function joinLate(token: string, roomId: string, sessionId?: string) {
    const client = connect(late.url, token);
    // Authenticated already, so that only the room keeps the join waiting.
    await client.trpc.room.get.query({ roomId }).catch(() => undefined);
    const path = `/internal/rooms/${roomId}`;
    const asked = server.laravel.faults.met(path);
    server.laravel.faults.set(path, { delayMs: lateMs, times: 1 });
    const outcome = refusalOf(client.trpc.room.join.mutate({ roomId, ...(sessionId ? { sessionId } : {}) })).catch(
      (error: unknown) => String(error),
    );
    await eventually(() => expect(server.laravel.faults.met(path)).toBeGreaterThan(asked));
    return { client, outcome };
  }

  it.each([
    { connection: 'is dead by then', isCut: true },
    { connection: 'looks alive still', isCut: false },
  ])('over a connection that $connection does not win over the newer one of its session', async ({ isCut }) => {
    const roomId = addRoom(server);
    await using observer = await enter(server, roomId);
    await using first = await enter(server, roomId);
    const { user, joined } = first;
    await first.trpc.seat.take.mutate({ roomId, seat: 3 });
    using seen = await follow(observer, 'room');
    first.client.cut();
    const { client: older, outcome } = await joinLate(user.token, roomId, joined.sessionId);
    await using newer = await enter(server, roomId, { user, sessionId: joined.sessionId });
    using room = await follow(newer, 'room');
    if (isCut) older.cut();

    await sleep(lateMs * 1.5);
    if (!isCut) expect(await outcome).toBe('SESSION_REPLACED');
    await older.close();
    await newer.trpc.chat.send.mutate({ roomId, content: 'Still here' });
    await newer.trpc.seat.leave.mutate({ roomId });
    await eventually(() => expect(room.of('seatLeft')).toHaveLength(1));
    expect(room.refusal).toBeNull();
    expect(newer.joined).toMatchObject({ sessionId: joined.sessionId, resumed: true });
    // Away and back, and nothing of the late join.
    await eventually(() => {
      expect(seen.types()).toEqual(['userConnectionChanged', 'userConnectionChanged', 'seatLeft']);
    });
  });

  it('without a session does not take over from a tab that joined after it', async () => {
    const roomId = addRoom(server);
    const user = server.laravel.addUser({ name: 'Two tabs' });
    const { client: older, outcome } = await joinLate(user.token, roomId);
    await using newer = await enter(server, roomId, { user });
    using room = await follow(newer, 'room');
    expect(await outcome).toBe('SESSION_REPLACED');
    await older.close();
    await newer.trpc.seat.take.mutate({ roomId, seat: 0 });
    await eventually(() => expect(room.types()).toEqual(['seatTaken']));
    expect(room.refusal).toBeNull();
  });

  it('of two over one connection, neither replaces the other', async () => {
    const roomId = addRoom(server);
    const user = server.laravel.addUser({ name: 'Impatient' });
    await using observer = await enter(server, roomId);
    await using client = connect(server.url, user.token);
    const [first, second] = await Promise.all([
      client.trpc.room.join.mutate({ roomId }),
      client.trpc.room.join.mutate({ roomId }),
    ]);
    expect(second.sessionId).toBe(first.sessionId);
    using room = await follow({ trpc: client.trpc, roomId }, 'room');
    await observer.trpc.seat.take.mutate({ roomId, seat: 0 });
    await client.trpc.seat.take.mutate({ roomId, seat: 1 });
    await eventually(() => expect(room.types()).toEqual(['seatTaken', 'seatTaken']));
    expect(room.refusal).toBeNull();
  });

  it('of two rooms at once over one connection, the second is refused', async () => {
    const [one, other] = [addRoom(server), addRoom(server)];
    const user = server.laravel.addUser({ name: 'Everywhere' });
    await using client = connect(server.url, user.token);
    const [first, second] = await Promise.all([
      client.trpc.room.join.mutate({ roomId: one }),
      refusalOf(client.trpc.room.join.mutate({ roomId: other })),
    ]);
    expect(second).toBe('ALREADY_IN_ANOTHER_ROOM');
    expect(first.snapshot.participantCount).toBe(1);
    expect(await refusalOf(client.trpc.room.get.query({ roomId: other }))).toBe('ROOM_NOT_FOUND');
  });
});
