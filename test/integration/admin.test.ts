import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WatchedEvent } from '../../src/routers/admin.ts';
import { connectOperator, connectOperatorBySocket } from '../support/admin.ts';
import { refusal, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

describe('operators', () => {
  let server: TestServer;
  let other: OtherServer;
  let operator: ReturnType<typeof connectOperator>;

  beforeAll(async () => {
    server = await startTestServer({ env: { TRUST_PROXY_HOPS: '1', ROOM_IDLE_SECONDS: '1' } });
    other = await server.startAnother();
    operator = connectOperator(server.url, server.internalKey);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Follows a room as an operator. */
  function watch(trpc: ReturnType<typeof connectOperator>, roomId: string) {
    const seen: WatchedEvent[] = [];
    const { promise: ended, resolve } = Promise.withResolvers<string>();
    const subscription = trpc.admin.watch.subscribe(
      { roomId },
      {
        onData: ({ data }) => seen.push(data),
        onComplete: () => resolve('complete'),
        onError: ({ data }) => resolve(data?.appCode ?? 'lost'),
      },
    );
    const types = (): string[] => seen.map((watched) => (watched.type === 'event' ? watched.event.type : watched.type));
    return { seen, types, ended, [Symbol.dispose]: () => subscription.unsubscribe() };
  }

  it('find rooms by text and by whether they are open, a page a call', async () => {
    const word = crypto.randomUUID().slice(0, 8);
    const ids = ['A', 'B', 'C'].map((letter) => addRoom(server, { title: `Jazz ${letter} ${word}` })).sort();
    const [first = ''] = ids;
    await using member = await enter(server, first, { url: other.url });
    await member.trpc.seat.take.mutate({ roomId: first });
    await eventually(async () => {
      const { rooms } = await operator.admin.rooms.list.query({ text: word.toUpperCase() });
      expect(rooms.map(({ roomId }) => roomId)).toEqual(ids);
    });
    const page = await operator.admin.rooms.list.query({ text: word, limit: 2 });
    expect(page.rooms[0]).toMatchObject({ open: true, participantCount: 1, seatedCount: 1 });
    expect(page.rooms[1]).toMatchObject({ open: false, openedAt: null, participantCount: 0 });
    expect(page.nextCursor).toBe(ids[1]);
    const rest = await operator.admin.rooms.list.query({ text: word, limit: 2, cursor: page.nextCursor ?? '' });
    expect(rest).toMatchObject({ rooms: [{ roomId: ids[2] }], nextCursor: null });
    expect((await operator.admin.rooms.list.query({ text: first, open: true })).rooms).toHaveLength(1);
    expect((await operator.admin.rooms.list.query({ text: word, open: false })).rooms).toHaveLength(2);
  });

  it('see a room, speak to it, put people out, keep them out and let them in again', async () => {
    const roomId = addRoom(server);
    await using victim = await enter(server, roomId, { url: other.url });
    await using witness = await enter(server, roomId);
    using chat = await follow(witness, 'chat');
    expect(await operator.admin.rooms.get.query({ roomId })).toMatchObject({ participantCount: 2 });
    const { participants } = await operator.admin.participants.list.query({ roomId });
    expect(participants.map(({ userId }) => userId)).toEqual([victim.user.id, witness.user.id]);

    await operator.admin.rooms.announce.mutate({ roomId, content: 'Closing soon' });
    const announced = { type: 'system', sender: null, content: 'Closing soon', replyTo: null };
    await eventually(() => expect(chat.of('message')).toMatchObject([{ message: announced }]));
    expect((await witness.trpc.chat.history.query({ roomId })).messages).toMatchObject([announced]);

    const target = { roomId, userId: victim.user.id };
    await operator.admin.participants.kick.mutate(target);
    await eventually(async () => expect(await refusalOf(victim.trpc.room.leave.mutate({ roomId }))).toBe('KICKED'));
    await victim.trpc.room.join.mutate({ roomId });
    await operator.admin.participants.ban.mutate({ ...target, durationSeconds: 3_600, reason: 'Spam' });
    await eventually(async () => expect(await refusalOf(victim.trpc.room.join.mutate({ roomId }))).toBe('BANNED'));
    expect(await operator.admin.participants.bans.query({ roomId })).toMatchObject({
      bans: [{ userId: victim.user.id, bannedBy: null, reason: 'Spam' }],
      nextCursor: null,
    });
    await operator.admin.participants.unban.mutate(target);
    await victim.trpc.room.join.mutate({ roomId });

    await operator.admin.rooms.close.mutate({ roomId, reason: 'Enough' });
    await eventually(async () =>
      expect(await refusalOf(victim.trpc.room.leave.mutate({ roomId }))).toBe('ROOM_CLOSED'),
    );
    expect(await refusalOf(operator.admin.rooms.close.mutate({ roomId }))).toBe('ROOM_NOT_FOUND');
    expect(await refusalOf(operator.admin.rooms.announce.mutate({ roomId, content: 'Hello?' }))).toBe('ROOM_NOT_FOUND');
  });

  it('follow a room on another node without being in it, over a lost socket, to its end', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId, { url: other.url });
    await using socket = connectOperatorBySocket(server.url, server.internalKey);
    using watching = watch(socket.trpc, roomId);
    await eventually(() => expect(watching.types()).toEqual(['snapshot']));
    await member.trpc.seat.take.mutate({ roomId });
    await member.trpc.chat.send.mutate({ roomId, content: 'One' });
    await eventually(() => expect(watching.types()).toEqual(['snapshot', 'seatTaken', 'message']));

    socket.cut();
    await member.trpc.chat.send.mutate({ roomId, content: 'Two' });
    await member.trpc.seat.leave.mutate({ roomId });
    await eventually(() =>
      expect(watching.types()).toEqual(['snapshot', 'seatTaken', 'message', 'message', 'seatLeft']),
    );
    await operator.admin.rooms.close.mutate({ roomId });
    await eventually(() => expect(watching.types().at(-1)).toBe('roomClosed'));
    expect(await watching.ended).toBe('complete');
    expect((await operator.admin.rooms.list.query({ text: roomId, open: true })).rooms).toEqual([]);
  });

  it('are told when there is nothing to follow, and are nobody in a room', async () => {
    await using socket = connectOperatorBySocket(server.url, server.internalKey);
    using watching = watch(socket.trpc, addRoom(server));
    expect(await watching.ended).toBe('ROOM_NOT_FOUND');
    expect(await refusalOf(socket.trpc.room.list.query())).toBe('UNAUTHENTICATED');
    // No token is asked for: the socket stays.
    expect(await socket.trpc.admin.workers.query()).toHaveLength(2);
  });

  it('set what one user may send a minute, on all nodes', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId, { url: other.url });
    const userId = member.user.id;
    const say = () => member.trpc.chat.send.mutate({ roomId, content: 'Hello' });
    expect(await operator.admin.rateLimits.get.query({ userId })).toEqual({
      userId,
      perMinute: { chat: 60, gift: 30 },
      overridden: [],
    });
    await operator.admin.rateLimits.set.mutate({ userId, chat: 1 });
    await say();
    const refused = await refusal(say());
    expect(refused.code).toBe('RATE_LIMITED');
    expect(refused.retryAfterMs).toBeGreaterThan(50_000);
    expect(await operator.admin.rateLimits.set.mutate({ userId, gift: 0 })).toMatchObject({
      perMinute: { chat: 1, gift: 0 },
      overridden: ['chat', 'gift'],
    });
    await operator.admin.rateLimits.clear.mutate({ userId });
    await say();
  });

  it('are locked out by address after wrong keys, over HTTP, WebSocket and events alike', async () => {
    const ask = async (key: string, address: string): Promise<{ status: number; retryAfterMs: number | null }> => {
      const headers = { 'x-internal-key': key, 'x-forwarded-for': address };
      const answer = await fetch(`${server.url}/trpc/admin.workers`, { headers });
      const body = (await answer.json()) as { error?: { json: { data: { retryAfterMs: number | null } } } };
      return { status: answer.status, retryAfterMs: body.error?.json.data.retryAfterMs ?? null };
    };
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(await ask(`wrong ${attempt}`, '192.0.2.1')).toMatchObject({ status: 403 });
    }
    expect(await ask('wrong', '192.0.2.1')).toMatchObject({ status: 429 });
    const refused = await ask(server.internalKey, '192.0.2.1');
    expect(refused.status).toBe(429);
    expect(refused.retryAfterMs).toBeGreaterThan(50_000);
    const headers = { 'x-internal-key': server.internalKey, 'x-forwarded-for': '192.0.2.1' };
    const event = await fetch(`${server.url}/internal/events`, { method: 'POST', headers });
    expect([event.status, Number(event.headers.get('retry-after')) > 50]).toEqual([429, true]);
    expect(await ask(server.internalKey, '192.0.2.2')).toMatchObject({ status: 200 });
  });

  it('need the key over a WebSocket too', async () => {
    await using socket = connectOperatorBySocket(server.url, 'wrong');
    expect(await refusalOf(socket.trpc.admin.rooms.list.query({}))).toBe('ADMIN_KEY_REQUIRED');
    await using member = await enter(server, addRoom(server));
    expect(await refusalOf(member.trpc.admin.rooms.list.query({}))).toBe('ADMIN_KEY_REQUIRED');
  });
});
