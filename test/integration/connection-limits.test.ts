import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect, refusalOf } from '../support/client.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const production = {
  NODE_ENV: 'production',
  MEDIASOUP_ANNOUNCED_IP: '127.0.0.1',
  CORS_ORIGINS: 'https://app.example.com,https://www.example.com',
};

/** Opens a raw socket; answers the HTTP status when the upgrade is refused, 101 when it is not. */
async function upgrade(url: string, origin?: string): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc`, origin === undefined ? {} : { origin });
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      resolve(101);
      socket.terminate();
    });
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    socket.on('error', reject);
  });
}

describe('the WebSocket upgrade', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({ env: production });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each([
    ['a foreign page', 'https://evil.example.com'],
    ['a page whose address only begins like ours', 'https://app.example.com.evil.example.com'],
    ['the same page without TLS', 'http://app.example.com'],
    ['a sandboxed page', 'null'],
    ['no page at all', undefined],
  ])('is refused with 403 to %s in production', async (_, origin) => {
    expect(await upgrade(server.url, origin)).toBe(403);
  });

  it('is granted to the listed pages and to our own', async () => {
    expect(await upgrade(server.url, 'https://app.example.com')).toBe(101);
    expect(await upgrade(server.url, 'https://www.example.com')).toBe(101);
    expect(await upgrade(server.url, server.url)).toBe(101);
  });

  it('leads to a working connection in production', async () => {
    const { token } = server.laravel.addUser({ name: 'Page' });
    await using client = connect(server.url, token, { origin: 'https://app.example.com' });
    expect(await client.trpc.room.list.query()).toContainEqual(
      expect.objectContaining({ roomId: server.laravel.rooms[0]?.id, participantCount: 0 }),
    );
  });
});

describe('a connection', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('that never says who it is is closed within 6 s, and no call of it is answered meanwhile', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc?connectionParams=1`);
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    await once(socket, 'open');
    const openedAt = performance.now();
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4401);
    expect(performance.now() - openedAt).toBeGreaterThan(4_000);
    expect(performance.now() - openedAt).toBeLessThan(6_000);
    expect(messages).toEqual([]);
  });

  it('that sends more than 64 KiB in one frame is closed with 1009, and no other one', async () => {
    const roomId = addRoom(server);
    await using talker = await enter(server, roomId);
    await using listener = await enter(server, roomId);
    talker.client.socket()?.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'x'.repeat(64 * 1024) } }));
    expect(await talker.client.ended).toMatchObject({ code: 1009 });
    expect(await listener.trpc.chat.send.mutate({ roomId, content: 'Still here' })).toMatchObject({
      content: 'Still here',
    });
  });

  it('may send just under 64 KiB in one frame', async () => {
    await using member = await enter(server, addRoom(server));
    const content = 'x'.repeat(60 * 1024);
    expect(await refusalOf(member.trpc.chat.send.mutate({ roomId: member.roomId, content }))).toBe('BAD_INPUT');
    expect(await member.trpc.room.list.query()).not.toEqual([]);
  });
});
