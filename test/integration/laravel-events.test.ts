import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectOperator } from '../support/admin.ts';
import { connect, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { openHostedRoom } from '../support/hosts.ts';
import { addRoom, enter } from '../support/members.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

const hashOfSecret = (token: string): string =>
  createHash('sha256')
    .update(token.slice(token.indexOf('|') + 1))
    .digest('hex');

describe('what Laravel announces', () => {
  let server: TestServer;
  let other: OtherServer;

  beforeAll(async () => {
    server = await startTestServer();
    other = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function send(
    body: unknown,
    { key = server.internalKey, url = server.url }: { key?: string | null; url?: string } = {},
  ): Promise<{ status: number; body: unknown }> {
    const headers = { 'content-type': 'application/json', ...(key === null ? {} : { 'x-internal-key': key }) };
    const answer = await fetch(`${url}/internal/events`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  }
  const applied = { status: 200, body: { status: 'applied' } };

  it('changes a role at once, with one event, on all nodes, whatever node it was sent to', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    using room = await follow(owner, 'room');
    server.laravel.setAdmin(roomId, member.user.id);
    const event = {
      id: randomUUID(),
      type: 'member.role_changed',
      data: { room_id: roomId, user_id: member.user.id, role: 'admin' },
    };
    expect(await send(event, { url: other.url })).toEqual(applied);
    await eventually(() =>
      expect(room.of('roleChanged')).toEqual([{ type: 'roleChanged', userId: member.user.id, role: 'admin' }]),
    );
    await member.trpc.chat.setSlowMode.mutate({ roomId, seconds: 5 });
    expect(await refusalOf(member.trpc.room.kick.mutate({ roomId, userId: admin.user.id }))).toBe('NOT_ALLOWED');

    // Sent again, as after a lost answer, even to another node and after a later change.
    expect(await send({ ...event, id: randomUUID(), data: { ...event.data, role: 'member' } })).toEqual(applied);
    expect(await send(event)).toEqual({ status: 200, body: { status: 'duplicate' } });
    expect(await refusalOf(member.trpc.chat.setSlowMode.mutate({ roomId, seconds: 0 }))).toBe('NOT_ALLOWED');
    expect(room.of('roleChanged').map(({ role }) => role)).toEqual(['admin', 'member']);
  });

  it('is applied once however many nodes get it at the same moment', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    using room = await follow(owner, 'room');
    const event = {
      id: randomUUID(),
      type: 'member.role_changed',
      data: { room_id: roomId, user_id: member.user.id, role: 'admin' },
    };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => send(event, { url: index % 2 === 0 ? server.url : other.url })),
    );
    expect(answers.filter(({ body }) => (body as { status?: string }).status === 'applied')).toHaveLength(1);
    for (const { status } of answers) expect([200, 503]).toContain(status);
    expect(await send(event)).toMatchObject({ body: { status: 'duplicate' } });
    await sleep(100);
    expect(room.of('roleChanged')).toHaveLength(1);
  });

  it('has rooms and roles looked up anew on all nodes', async () => {
    const roomId = addRoom(server);
    const user = server.laravel.addUser({ name: 'Blocked' });
    for (const url of [server.url, other.url]) {
      await using member = await enter(server, roomId, { user, url });
      await member.trpc.room.leave.mutate({ roomId });
    }
    server.laravel.setBlocked(roomId, user.id);
    expect(await send({ id: randomUUID(), type: 'room.updated', data: { room_id: roomId } })).toEqual(applied);
    await eventually(async () => {
      for (const url of [server.url, other.url]) {
        await using client = connect(url, user.token);
        expect(await refusalOf(client.trpc.room.join.mutate({ roomId }))).toBe('BANNED');
      }
    });
  });

  it.each([
    ['a demotion', 'admin', 'member'],
    ['a promotion', 'member', 'admin'],
  ] as const)('is not undone by a join that asked before it: %s', async (_, before, after) => {
    const roomId = addRoom(server);
    await using _open = await enter(server, roomId);
    const user = server.laravel.addUser({ name: 'Changing' });
    server.laravel.setAdmin(roomId, user.id, before === 'admin');
    // The join has Laravel's old word and waits for it to arrive.
    const path = `/internal/rooms/${roomId}/members/${user.id}/role`;
    server.laravel.faults.set(path, { body: { role: before }, delayMs: 1_500, times: 1 });
    const joining = enter(server, roomId, { user });
    await eventually(() => expect(server.laravel.faults.met(path)).toBe(1));
    server.laravel.setAdmin(roomId, user.id, after === 'admin');
    const event = {
      id: randomUUID(),
      type: 'member.role_changed',
      data: { room_id: roomId, user_id: user.id, role: after },
    };
    expect(await send(event, { url: other.url })).toEqual(applied);
    await using joined = await joining;
    const roles = new Map<number, string>(
      joined.joined.snapshot.participants.map(({ userId, role }) => [userId, role]),
    );
    expect(roles.get(user.id)).toBe(after);
  });

  it('gives an open room its new title and owner, the old owner what Laravel says, and puts the blocked out', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    await using blocked = await enter(server, roomId, { url: other.url });
    using room = await follow(member, 'room');
    server.laravel.setTitle(roomId, 'Another "name"');
    server.laravel.setOwner(roomId, admin.user.id);
    server.laravel.setAdmin(roomId, admin.user.id, false);
    server.laravel.setAdmin(roomId, owner.user.id);
    server.laravel.setBlocked(roomId, blocked.user.id);
    const event = { id: randomUUID(), type: 'room.updated', data: { room_id: roomId } };
    expect(await send(event, { url: other.url })).toEqual(applied);
    const expected = [
      { type: 'roomUpdated', title: 'Another "name"', ownerId: admin.user.id },
      { type: 'roleChanged', userId: owner.user.id, role: 'admin' },
      { type: 'roleChanged', userId: admin.user.id, role: 'owner' },
      { type: 'userLeft', userId: blocked.user.id, reason: 'banned' },
    ];
    await eventually(() => expect(room.events).toEqual(expected));
    expect(await refusalOf(owner.trpc.room.close.mutate({ roomId }))).toBe('NOT_ALLOWED');
    await eventually(async () =>
      expect(await refusalOf(blocked.trpc.chat.send.mutate({ roomId, content: 'Hello?' }))).toBe('BANNED'),
    );
    expect(await refusalOf(blocked.trpc.room.join.mutate({ roomId }))).toBe('BANNED');
    const { title, ownerId } = await member.trpc.room.get.query({ roomId });
    expect({ title, ownerId }).toEqual({ title: 'Another "name"', ownerId: admin.user.id });
    // Again, with nothing new in it.
    expect(await send({ ...event, id: randomUUID() })).toEqual(applied);
    await admin.trpc.room.kick.mutate({ roomId, userId: owner.user.id });
    await eventually(() =>
      expect(room.events).toEqual([...expected, { type: 'userLeft', userId: owner.user.id, reason: 'kicked' }]),
    );
  });

  it('takes the room from an owner whose join asked before it', async () => {
    const owner = server.laravel.addUser({ name: 'Owner of before' });
    const next = server.laravel.addUser({ name: 'Owner' });
    const roomId = addRoom(server, { ownerId: owner.id });
    await using _open = await enter(server, roomId);
    // Joins ask for the role of whoever is not the owner by Laravel's description: that of the next one, for now.
    const path = `/internal/rooms/${roomId}/members/${next.id}/role`;
    server.laravel.faults.set(path, { body: { role: 'member' }, delayMs: 1_500, times: 1 });
    const joining = enter(server, roomId, { user: next });
    await eventually(() => expect(server.laravel.faults.met(path)).toBe(1));
    server.laravel.setOwner(roomId, next.id);
    expect(await send({ id: randomUUID(), type: 'room.updated', data: { room_id: roomId } })).toEqual(applied);
    await using joined = await joining;
    await joined.trpc.room.close.mutate({ roomId });
  });

  it('can be sent again when Laravel itself did not say what the room is now', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    server.laravel.setTitle(roomId, 'Renamed');
    server.laravel.faults.set(`/internal/rooms/${roomId}`, { status: 503 });
    const event = { id: randomUUID(), type: 'room.updated', data: { room_id: roomId } };
    expect(await send(event)).toMatchObject({ status: 503 });
    server.laravel.faults.clear();
    expect(await send(event)).toEqual(applied);
    expect(await member.trpc.room.get.query({ roomId })).toMatchObject({ title: 'Renamed' });
  });

  it('closes a room for everybody, on all nodes, and is granted for one that is not open', async () => {
    const roomId = addRoom(server);
    await using here = await enter(server, roomId);
    await using there = await enter(server, roomId, { url: other.url });
    using room = await follow(there, 'room');
    server.laravel.closeRoom(roomId);
    const event = { type: 'room.closed', data: { room_id: roomId, reason: 'Reported' } };
    expect(await send({ id: randomUUID(), ...event })).toEqual(applied);
    await eventually(() =>
      expect(room.of('roomClosed')).toEqual([{ type: 'roomClosed', reason: 'closedByOperator', message: 'Reported' }]),
    );
    await eventually(async () => {
      for (const { trpc } of [here, there]) {
        expect(await refusalOf(trpc.chat.send.mutate({ roomId, content: 'Hello?' }))).toBe('ROOM_CLOSED');
        expect(await refusalOf(trpc.room.join.mutate({ roomId }))).toBe('ROOM_NOT_FOUND');
      }
    });
    expect(await send({ id: randomUUID(), ...event })).toEqual(applied);
  });

  it.each(['user', 'token'] as const)('cuts every connection of a revoked %s within 2 s', async (what) => {
    const roomId = addRoom(server);
    const user = server.laravel.addUser({ name: 'Revoked' });
    await using witness = await enter(server, roomId);
    using room = await follow(witness, 'room');
    await using member = await enter(server, roomId, { user, url: other.url });
    await member.trpc.seat.take.mutate({ roomId });
    await using idle = connect(server.url, user.token);
    await idle.trpc.user.me.query();
    const startedAt = performance.now();
    const event =
      what === 'user'
        ? { id: randomUUID(), type: 'user.revoked', data: { user_id: user.id } }
        : { id: randomUUID(), type: 'token.revoked', data: { token_hash: hashOfSecret(user.token) } };
    expect(await send(event)).toEqual(applied);
    const cut = { code: 4401, reason: 'TOKEN_REVOKED' };
    expect(await Promise.all([member.client.ended, idle.ended])).toEqual([cut, cut]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    // Nothing is kept for a return that is not possible.
    await eventually(() => expect(room.types()).toEqual(['userJoined', 'seatTaken', 'seatLeft', 'userLeft']));
    await using again = connect(server.url, user.token);
    expect(await refusalOf(again.trpc.user.me.query())).toBe('TOKEN_REVOKED');
  });

  it('cuts the connections of a user whom an operator revokes, and nobody else', async () => {
    const roomId = addRoom(server);
    await using revoked = await enter(server, roomId, { url: other.url });
    await using bystander = await enter(server, roomId, { url: other.url });
    await connectOperator(server.url, server.internalKey).admin.revoke.mutate({ userId: revoked.user.id });
    expect(await revoked.client.ended).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' });
    expect((await bystander.trpc.user.me.query()).id).toBe(bystander.user.id);
  });

  it('is refused without the key and when it is no event', async () => {
    const event = { id: randomUUID(), type: 'user.revoked', data: { user_id: 1 } };
    expect(await send(event, { key: null })).toMatchObject({ status: 401 });
    expect(await send(event, { key: 'wrong' })).toMatchObject({ status: 401 });
    for (const bad of [
      null,
      {},
      { ...event, id: '7' },
      { ...event, type: 'user.hired' },
      { ...event, data: { user_id: '1' } },
      { ...event, type: 'member.role_changed', data: { room_id: '1', user_id: 1, role: 'king' } },
      { ...event, type: 'token.revoked', data: { token_hash: 'secret' } },
    ]) {
      expect(await send(bad)).toMatchObject({ status: 422, body: { message: expect.any(String) as string } });
    }
    expect(await server.store.exists('auth:revoked:user:1')).toBe(0);
  });

  it('can be sent again when Redis did not answer', async () => {
    const user = server.laravel.addUser({ name: 'Later' });
    const event = { id: randomUUID(), type: 'user.revoked', data: { user_id: user.id } };
    await server.store.call('CLIENT', 'PAUSE', '1500');
    expect(await send(event)).toMatchObject({ status: 503 });
    await eventually(async () => expect((await send(event)).status).toBe(200), 15_000);
    expect(await server.store.exists(`auth:revoked:user:${user.id}`)).toBe(1);
  });
});
