import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, commandLine, flylive as runFlylive } from '../support/admin.ts';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('the command line', () => {
  let server: TestServer;
  let roomId: string;
  let member: TestMember;

  beforeAll(async () => {
    server = await startTestServer();
    roomId = addRoom(server, { title: 'The Loft' });
    member = await enter(server, roomId, { user: server.laravel.addUser({ name: 'Grace' }) });
    await member.trpc.seat.take.mutate({ roomId, seat: 2 });
  });
  afterAll(async () => {
    await member.client.close();
    await server[Symbol.asyncDispose]();
  });

  const flylive = (...args: string[]): Promise<CommandResult> => runFlylive(server.url, server.internalKey, ...args);

  it('explains itself: each command names its own, and what it takes', async () => {
    const help = await flylive('--help');
    expect(help.code).toBe(0);
    for (const command of ['rooms', 'participants', 'watch', 'revoke', 'limits', 'gifts', 'workers']) {
      expect(help.out).toContain(command);
    }
    expect((await flylive('participants', '--help')).out).toContain('unban');
    const ban = (await flylive('participants', 'ban', '--help')).out;
    for (const word of ['ROOM', 'USER', '--for', '--reason', '--json', '--url']) expect(ban).toContain(word);
    expect(ban).toContain('\nUsage: flylive participants ban ROOM USER [options]\n');
    expect(ban).toContain('\n  flylive participants ban 1 6 --for 7d --reason Spam\n');
    for (const word of ['LARAVEL_INTERNAL_KEY', 'FLYLIVE_URL', 'Exit codes']) expect(ban).toContain(word);
    // Asked for nothing, it explains itself all the same, but that is not what a script wanted.
    expect(await flylive('participants')).toMatchObject({ code: 1, out: '' });
  });

  it('does nothing when it is told something that it does not take', async () => {
    expect(await flylive('participants', 'ban', roomId, '6', '--fro', '7d')).toEqual({
      code: 1,
      out: '',
      err: 'flylive: there is no option --fro; did you mean --for? (see flylive participants ban --help)\n',
    });
    expect(await flylive('participants', 'ban', roomId, '6', '7d')).toMatchObject({ code: 1, out: '' });
    expect((await flylive('participants', 'bans', roomId)).out).toBe('Nobody is banned\n');
  });

  it('takes what begins with a dash after two of them', async () => {
    expect(await flylive('rooms', 'say', roomId, '--', '--help')).toMatchObject({ code: 0, out: 'Said\n' });
  });

  it('lists and shows rooms and who is in them', async () => {
    const list = await flylive('rooms', 'list', '--text', 'loft');
    expect(list).toMatchObject({ code: 0, err: '' });
    expect(list.out.split('\n')[0]).toMatch(/^room +members +on seats +owner +open since +title$/);
    expect(list.out.split('\n')[1]).toMatch(new RegExp(`^${roomId} +1 +1 +\\d+ +\\d{4}-\\S+Z +The Loft$`));
    const { rooms } = JSON.parse((await flylive('rooms', 'list', '--json')).out) as { rooms: unknown[] };
    expect(rooms).toMatchObject([{ roomId, open: true, participantCount: 1 }]);
    expect((await flylive('rooms', 'list', '--text', 'nowhere')).out).toBe('No such rooms\n');
    const paged = await flylive('rooms', 'list', '--all', '--limit', '1');
    expect(paged.err).toMatch(/^There are more: --cursor \S+\n$/);

    const show = (await flylive('rooms', 'show', roomId)).out;
    expect(show).toMatch(/^The Loft/);
    expect(show).toMatch(new RegExp(`^2 +${member.user.id} +Grace +none$`, 'm'));
    expect((await flylive('participants', 'list', roomId)).out).toMatch(
      new RegExp(`^${member.user.id} +Grace +member +`, 'm'),
    );
    expect((await flylive('workers')).out.trim().split('\n')).toHaveLength(3);
  });

  it('puts out, keeps out, lets in again, speaks and closes', async () => {
    const other = addRoom(server, { title: 'Short' });
    await using guest = await enter(server, other);
    const user = String(guest.user.id);
    expect((await flylive('rooms', 'say', other, 'Closing soon')).out).toBe('Said\n');
    expect((await flylive('participants', 'kick', other, user)).out).toBe(`User ${user} is out of room ${other}\n`);
    expect(await refusalOf(guest.trpc.room.leave.mutate({ roomId: other }))).toBe('KICKED');
    const ban = await flylive('participants', 'ban', other, user, '--for', '2h', '--reason', 'Spam');
    expect(ban.out).toBe(`User ${user} is banned from room ${other} for 2h\n`);
    expect(await refusalOf(guest.trpc.room.join.mutate({ roomId: other }))).toBe('BANNED');
    const { bans } = JSON.parse((await flylive('participants', 'bans', other, '--json')).out) as {
      bans: { until: number; bannedAt: number }[];
    };
    expect(bans.map(({ until, bannedAt }) => until - bannedAt)).toEqual([7_200_000]);
    expect((await flylive('participants', 'bans', other)).out).toContain('Spam');
    await flylive('participants', 'ban', other, '999999');
    const [newest, oldest] = [
      await flylive('participants', 'bans', other, '--limit', '1'),
      await flylive('participants', 'bans', other, '--cursor', '1'),
    ];
    expect(newest).toMatchObject({ out: expect.stringMatching(/^999999 +operator +\S+ +for good/m) as string });
    expect(newest.err).toBe('There may be more: --cursor 1\n');
    expect(oldest.out).toMatch(new RegExp(`^${user} .*Spam$`, 'm'));
    expect(oldest.out).not.toContain('999999');
    expect((await flylive('participants', 'unban', other, user)).code).toBe(0);
    await guest.trpc.room.join.mutate({ roomId: other });
    expect((await flylive('rooms', 'close', other, '--reason', 'Over')).out).toBe(`Room ${other} is closed\n`);
    await eventually(async () =>
      expect(await refusalOf(guest.trpc.room.leave.mutate({ roomId: other }))).toBe('ROOM_CLOSED'),
    );
  });

  it('sets limits and shuts out', async () => {
    const { id, token } = server.laravel.addUser({ name: 'Limited' });
    expect((await flylive('limits', 'set', String(id), '--chat', '0')).out).toMatch(/^chat +0 +operator$/m);
    expect((await flylive('limits', 'show', String(id), '--json')).out).toContain('"overridden":["chat"]');
    expect((await flylive('limits', 'clear', String(id))).out).toMatch(/^chat +60 +configuration$/m);
    await using user = await enter(server, addRoom(server), { user: { id, token, name: 'Limited' } as never });
    expect((await flylive('revoke', '--user', String(id))).code).toBe(0);
    expect(await user.client.ended).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' });
  });

  it('lets in again whom it shut out', async () => {
    const { id, token } = server.laravel.addUser({ name: 'Forgiven' });
    await flylive('revoke', '--user', String(id));
    expect((await flylive('revoke', '--user', String(id), '--lift')).out).toBe('Not shut out any more\n');
    expect((await flylive('revoke', '--user', String(id), '--lift')).out).toBe('Was not shut out\n');
    await using again = await enter(server, addRoom(server), { user: { id, token, name: 'Forgiven' } as never });
    const hash = createHash('sha256')
      .update(token.slice(token.indexOf('|') + 1))
      .digest('hex');
    expect((await flylive('revoke', '--token', hash)).code).toBe(0);
    expect(await again.client.ended).toEqual({ code: 4401, reason: 'TOKEN_REVOKED' });
    expect((await flylive('revoke', '--token', hash, '--lift', '--json')).out).toBe(
      `${JSON.stringify({ tokenHash: hash, lifted: true })}\n`,
    );
    await using once = await enter(server, addRoom(server), { user: { id, token, name: 'Forgiven' } as never });
    expect(once.user.id).toBe(id);
  });

  /** Runs `flylive watch`, which goes on until it is ended. */
  function watch(...args: string[]) {
    const env = { ...process.env, FLYLIVE_URL: server.url, LARAVEL_INTERNAL_KEY: server.internalKey };
    const child = spawn(process.execPath, [commandLine, 'watch', ...args], { env });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { out: () => out, ended, interrupt: () => child.kill('SIGINT') };
  }

  it('watches a room until it is interrupted, and until the room closes', async () => {
    const watched = addRoom(server, { title: 'Watched' });
    await using guest = await enter(server, watched);
    const plain = watch(watched);
    const json = watch(watched, '--json');
    await eventually(() => expect(plain.out()).toContain('On seats: nobody'));
    await eventually(() => expect(json.out()).toContain('"type":"snapshot"'));
    await guest.trpc.chat.send.mutate({ roomId: watched, content: 'Hello' });
    await eventually(() => expect(plain.out()).toContain(`chat  message Somebody (${guest.user.id}): "Hello"`));
    plain.interrupt();
    expect(await plain.ended).toBe(0);

    await flylive('rooms', 'close', watched);
    expect(await json.ended).toBe(0);
    const lines = json.out().trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'event', event: { type: 'roomClosed' } });
  });

  it('says in one line what is wrong, with an exit code', async () => {
    expect(await flylive('rooms', 'close', addRoom(server))).toMatchObject({
      code: 2,
      err: 'flylive: There is no such room (ROOM_NOT_FOUND)\n',
    });
    expect(await flylive('watch', addRoom(server))).toMatchObject({ code: 2, out: '' });
    expect(await flylive('participants', 'kick', roomId, 'Grace')).toMatchObject({ code: 1 });
    expect(await flylive('participants', 'ban', roomId, '7', '--for', 'ever')).toMatchObject({ code: 1 });
    expect(await flylive('revoke')).toMatchObject({ code: 1 });
    for (const command of [
      ['rooms', 'list'],
      ['watch', roomId],
    ]) {
      expect(await flylive(...command, '--url', 'http://127.0.0.1:1')).toMatchObject({
        code: 3,
        err: expect.stringContaining('cannot be reached') as string,
      });
      const wrongKey = await runFlylive(server.url, 'wrong', ...command);
      expect(wrongKey).toMatchObject({ code: 2, err: expect.stringContaining('ADMIN_KEY_REQUIRED') as string });
    }
    // Nobody is put out by a mistake.
    expect((await member.trpc.room.get.query({ roomId })).participantCount).toBe(1);
  });
});
