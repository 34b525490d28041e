import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/core/logger.ts';
import { connect, refusal, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The code that the first call of a connection with this token is refused with. */
async function refusalOfToken(url: string, token: string | null): Promise<string> {
  await using client = connect(url, token);
  return await refusalOf(client.trpc.room.list.query());
}

describe('authentication', () => {
  let server: TestServer;
  const logged: string[] = [];

  beforeAll(async () => {
    server = await startTestServer({
      logger: createLogger('trace', { write: (line) => void logged.push(line) }),
      adjust: (config) => ({
        ...config,
        laravel: { ...config.laravel, timeoutMs: 3_000 },
        auth: { revocationCheckMs: 500 },
      }),
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => server.laravel.faults.clear());

  it('lets a user in by the whole token or by its secret part alone', async () => {
    const user = server.laravel.addUser({ name: 'Grace' });
    const secret = user.token.slice(user.token.indexOf('|') + 1);
    for (const token of [user.token, secret]) {
      await using client = connect(server.url, token);
      const joined = await client.trpc.room.join.mutate({ roomId: addRoom(server) });
      expect(joined.user).toEqual({ id: user.id, name: 'Grace', avatar: null });
    }
  });

  it('refuses a connection without a token, and ends it', async () => {
    await using client = connect(server.url, null);
    expect(await refusalOf(client.trpc.room.list.query())).toBe('UNAUTHENTICATED');
    expect(await client.ended).toEqual({ code: 4401, reason: 'UNAUTHENTICATED' });
  });

  it('refuses an empty token', async () => {
    expect(await refusalOfToken(server.url, '')).toBe('UNAUTHENTICATED');
  });

  it.each([
    ['that nobody has', '999999|nonsense'],
    ['with a wrong secret', '1|nonsense'],
    ['of absurd length', 'x'.repeat(10_000)],
    ['with control characters', '1|\u0000\r\nset-cookie: a=b'],
    ['like a key of Redis', '*'],
  ])('refuses a token %s, and ends the connection', async (_, token) => {
    await using client = connect(server.url, token);
    expect(await refusal(client.trpc.room.list.query())).toMatchObject({
      code: 'INVALID_CREDENTIALS',
      retryable: false,
    });
    expect(await client.ended).toEqual({ code: 4401, reason: 'INVALID_CREDENTIALS' });
  });

  it.each([
    ['the hash of the whole token', ({ token }: { token: string }) => `auth:revoked:${sha256(token)}`],
    [
      'the hash of its secret part',
      ({ token }: { token: string }) => `auth:revoked:${sha256(token.slice(token.indexOf('|') + 1))}`,
    ],
    ['its user', ({ id }: { id: number }) => `auth:revoked:user:${id}`],
  ])('refuses a token revoked by %s, cached or not', async (_, keyOf) => {
    const fresh = server.laravel.addUser({ name: 'Fresh' });
    await server.store.set(keyOf(fresh), '1', 'EX', 60);
    expect(await refusalOfToken(server.url, fresh.token)).toBe('TOKEN_REVOKED');

    const cached = server.laravel.addUser({ name: 'Cached' });
    {
      await using client = connect(server.url, cached.token);
      await client.trpc.room.list.query();
    }
    await server.store.set(keyOf(cached), '1', 'EX', 60);
    expect(await refusalOfToken(server.url, cached.token)).toBe('TOKEN_REVOKED');
  });

  it.each([
    ['its token', ({ token }: { token: string }) => `auth:revoked:${sha256(token)}`],
    ['its user', ({ id }: { id: number }) => `auth:revoked:user:${id}`],
  ])('cuts a live connection by the key of %s alone, and ends the membership', async (_, keyOf) => {
    const roomId = addRoom(server);
    await using witness = await enter(server, roomId);
    using room = await follow(witness, 'room');
    await using member = await enter(server, roomId);
    await server.store.set(keyOf(member.user), '1', 'EX', 60);
    expect(await member.client.ended).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' });
    await eventually(() => expect(room.types()).toEqual(['userJoined', 'userLeft']));
    expect((await witness.trpc.user.me.query()).id).toBe(witness.user.id);
  });

  it('refuses a bare secret whose whole token was revoked by the hash that Sanctum stores', async () => {
    const { token } = server.laravel.addUser({ name: 'Twice' });
    await server.laravel.revokeToken(token, 'secret');
    expect(await refusalOfToken(server.url, token.slice(token.indexOf('|') + 1))).toBe('TOKEN_REVOKED');
  });

  it.each([
    ['is down', { down: true }],
    ['does not answer in time', { delayMs: 60_000 }],
    ['answers 500', { status: 500 }],
    ['answers nonsense', { body: 'not JSON' }],
    ['answers a user that is none', { body: { valid: true, user: { id: -1, name: 'Nobody' } } }],
  ])('lets cached users in and asks others to come back while Laravel %s', async (_, fault) => {
    const known = server.laravel.addUser({ name: 'Known' });
    const unknown = server.laravel.addUser({ name: 'Unknown' });
    {
      await using client = connect(server.url, known.token);
      await client.trpc.room.list.query();
    }
    server.laravel.faults.set('/internal/auth', fault);

    await using knownClient = connect(server.url, known.token);
    expect(await knownClient.trpc.media.capabilities.query()).toHaveProperty('codecs');

    await using unknownClient = connect(server.url, unknown.token);
    expect(await refusal(unknownClient.trpc.media.capabilities.query())).toMatchObject({
      code: 'AUTH_UNAVAILABLE',
      retryable: true,
    });
    // Unlike a refused token: the client is meant to come back with the same one.
    expect(await unknownClient.ended).toEqual({ code: 1012, reason: 'AUTH_UNAVAILABLE' });
    server.laravel.faults.clear();
    await eventually(() => unknownClient.trpc.media.capabilities.query());
  });

  it('asks Laravel once for many sockets that open with the same token at the same time', async () => {
    const { token } = server.laravel.addUser({ name: 'Tabs' });
    server.laravel.faults.set('/internal/auth', { delayMs: 200 });
    const before = server.laravel.faults.met('/internal/auth');
    const clients = Array.from({ length: 20 }, () => connect(server.url, token));
    await Promise.all(clients.map(({ trpc }) => trpc.media.capabilities.query()));
    expect(server.laravel.faults.met('/internal/auth') - before).toBe(1);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('writes no token and no key to the log, at the most talkative level', async () => {
    const revoked = server.laravel.addUser({ name: 'Revoked' });
    await server.laravel.revokeToken(revoked.token);
    const unchecked = server.laravel.addUser({ name: 'Unchecked' });
    const wrong = '1|a-wrong-secret-that-nobody-has';
    await using member = await enter(server, addRoom(server));
    await member.trpc.room.leave.mutate({ roomId: member.roomId });
    await refusalOfToken(server.url, wrong);
    await refusalOfToken(server.url, revoked.token);
    server.laravel.faults.set('/internal/auth', { status: 500 });
    await refusalOfToken(server.url, unchecked.token);

    const log = logged.join('');
    expect(log).toContain('INVALID_CREDENTIALS');
    expect(log).toContain('TOKEN_REVOKED');
    expect(log).toContain('AUTH_UNAVAILABLE');
    for (const token of [member.user.token, wrong, revoked.token, unchecked.token]) {
      expect(log).not.toContain(token.slice(token.indexOf('|') + 1));
    }
    expect(log).not.toContain(server.internalKey);
  });
});
