import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom, enter } from '../support/members.ts';
import { type Answer, RawSocket } from '../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const production = {
  NODE_ENV: 'production',
  MEDIASOUP_ANNOUNCED_IP: '127.0.0.1',
  CORS_ORIGINS: 'https://app.example.com,https://www.example.com',
};

/**
 * Opens a raw socket, which is closed at once unless it is kept.
 *
 * @returns the HTTP status when the upgrade is refused, 101 when it is not
 */
async function upgrade(
  url: string,
  { origin, keep }: { readonly origin?: string | undefined; readonly keep?: WebSocket[] } = {},
): Promise<number> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc`, origin === undefined ? {} : { origin });
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      resolve(101);
      if (keep === undefined) socket.terminate();
      else keep.push(socket);
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
    expect(await upgrade(server.url, { origin })).toBe(403);
  });

  it('is granted to the listed pages and to our own', async () => {
    expect(await upgrade(server.url, { origin: 'https://app.example.com' })).toBe(101);
    expect(await upgrade(server.url, { origin: 'https://www.example.com' })).toBe(101);
    expect(await upgrade(server.url, { origin: server.url })).toBe(101);
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

  it('that never says who it is is closed after 5 s, and no call of it is answered meanwhile', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc?connectionParams=1`);
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString()));
    await once(socket, 'open');
    const openedAt = performance.now();
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(4401);
    // A busy machine is late, but never early.
    expect(performance.now() - openedAt).toBeGreaterThan(4_000);
    expect(performance.now() - openedAt).toBeLessThan(15_000);
    expect(messages).toEqual([]);
  }, 30_000);

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

describe('the number of subscriptions of one connection', () => {
  const most = 20;
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('is 20, those that go on without tRPC too, and an ended one gives its place back', async () => {
    const roomId = addRoom(server);
    await using socket = await RawSocket.open(server.url, server.laravel.addUser({ name: 'Subscriber' }).token);
    const call = async (method: string, path: string): Promise<[number, Answer | undefined]> => {
      const id = socket.nextId();
      const params = { path, input: { json: { roomId } } };
      const [answer] = await socket.ask([JSON.stringify({ id, method, params })], [id]);
      return [id, answer];
    };
    await call('mutation', 'room.join');
    const ids: number[] = [];
    for (let n = 0; n < most; n += 1) {
      const [id, answer] = await call(
        'subscription',
        ['room.onEvent', 'room.onActivity', 'chat.onMessage'][n % 3] ?? '',
      );
      expect(answer?.result?.type).toBe('started');
      ids.push(id);
    }
    const refuse = async (): Promise<void> => {
      const [, refused] = await call('subscription', 'room.onActivity');
      // The refusal of a subscription that has begun comes behind its start.
      if (refused?.error === undefined) expect(refused?.result?.type).toBe('started');
      await eventually(() => expect(socket.received.at(-1)).toContain('stopped'));
      expect(socket.received.some((text) => text.includes('TOO_MANY_SUBSCRIPTIONS'))).toBe(true);
    };
    await refuse();
    // One of each kind: events and activity both go on without tRPC.
    for (const id of ids.slice(0, 2)) {
      await socket.stopSubscriptions([id]);
      const [, answer] = await call('subscription', 'room.onActivity');
      expect(answer?.result?.type).toBe('started');
    }
    await refuse();
  });
});

describe('the number of connections', () => {
  const most = 2;
  let server: TestServer;
  const open: WebSocket[] = [];

  beforeAll(async () => {
    server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1', MAX_CONNECTIONS_PER_USER: String(most) } });
  });
  afterEach(() => {
    for (const socket of open.splice(0)) socket.terminate();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Says who it is and makes a call; answers undefined when it is served, or the code of the refusal. */
  async function tryOut(url: string, token: string): Promise<{ socket: RawSocket; code: string | undefined }> {
    const socket = await RawSocket.open(url, token);
    const id = socket.nextId();
    const frame = JSON.stringify({ id, method: 'query', params: { path: 'media.capabilities' } });
    const [answer] = await socket.ask([frame], [id]);
    return { socket, code: answer?.error?.json.data.appCode };
  }

  it('of one user is limited, also when many come at once, and a closed one gives its place back', async () => {
    const { token } = server.laravel.addUser({ name: 'Many' });
    await using stack = new AsyncDisposableStack();
    const tries = await Promise.all(Array.from({ length: 10 }, () => tryOut(server.url, token)));
    for (const { socket } of tries) stack.use(socket);
    const served = tries.filter(({ code }) => code === undefined);
    expect(served).toHaveLength(most);
    expect(tries.filter(({ code }) => code === 'TOO_MANY_CONNECTIONS')).toHaveLength(10 - most);
    // Somebody else is served.
    const other = await tryOut(server.url, server.laravel.addUser({ name: 'Other' }).token);
    stack.use(other.socket);
    expect(other.code).toBeUndefined();

    await served[0]?.socket[Symbol.asyncDispose]();
    await eventually(async () => {
      const { socket, code } = await tryOut(server.url, token);
      stack.use(socket);
      expect(code).toBeUndefined();
    });
    const { socket, code } = await tryOut(server.url, token);
    stack.use(socket);
    expect(code).toBe('TOO_MANY_CONNECTIONS');
  });

  it('of one address is limited at the upgrade, also when many come at once, and a closed one gives its place back', async () => {
    const { url } = await server.startAnother({ MAX_CONNECTIONS_PER_ADDRESS: String(most) });
    const statuses = await Promise.all(Array.from({ length: 10 }, () => upgrade(url, { keep: open })));
    expect(statuses.filter((status) => status === 101)).toHaveLength(most);
    expect(statuses.filter((status) => status === 429)).toHaveLength(10 - most);
    expect(await upgrade(url)).toBe(429);
    open.pop()?.terminate();
    await eventually(async () => expect(await upgrade(url, { keep: open })).toBe(101));
    expect(await upgrade(url)).toBe(429);
  });
});
