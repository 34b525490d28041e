import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { initTRPC, tracked, TRPCError } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import superjson from 'superjson';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { Connection } from './connection.ts';
import type { ConnectionState } from './connection.ts';
import { silentLogger } from './logger.ts';
import { Membership } from './membership.ts';
import { RoomFeeds } from './room-feeds.ts';
import type { RoomFeedEvent } from './room-feeds.ts';

/**
 * A server with the same procedures over a real WebSocket, whose membership is tied to the socket as the real one's is:
 * what is called before `room.join` on a connection is refused.
 */
async function startServer() {
  interface Context {
    readonly token: string;
    isMember: boolean;
  }
  const calls: string[] = [];
  const said = new Set<string>();
  const refusals: string[] = [];
  const t = initTRPC.context<Context>().create({
    transformer: superjson,
    errorFormatter: ({ shape, error }) => ({
      ...shape,
      data: { ...shape.data, appCode: error.message, retryable: error.message === 'SERVICE_UNAVAILABLE' },
    }),
  });
  const user = t.procedure.use(({ ctx, path, next }) => {
    calls.push(path);
    if (ctx.token !== 'good') throw new TRPCError({ code: 'UNAUTHORIZED', message: 'INVALID_CREDENTIALS' });
    const refusal = refusals.shift();
    if (refusal) throw new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: refusal });
    return next();
  });
  const member = user.use(({ ctx, next }) => {
    if (!ctx.isMember) throw new TRPCError({ code: 'FORBIDDEN', message: 'NOT_IN_ROOM' });
    return next();
  });
  const cursors: string[] = [];
  const feed = member
    .input((input) => input as { lastEventId: string })
    .subscription(async function* ({ input, signal }) {
      cursors.push(input.lastEventId);
      yield tracked('2-0', { type: 'subscribed' });
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    });
  const router = t.router({
    media: t.router({ capabilities: user.query(() => ({})), onEvent: feed }),
    room: t.router({
      join: user
        .input((input) => input as { sessionId?: string })
        .mutation(({ ctx, input }) => {
          ctx.isMember = true;
          return { sessionId: input.sessionId ?? 'session', resumed: input.sessionId !== undefined };
        }),
      onEvent: feed,
      onActivity: feed,
    }),
    chat: t.router({
      send: member
        .input((input) => input as { clientMessageId: string })
        .mutation(({ input }) => {
          said.add(input.clientMessageId);
          return input;
        }),
      onMessage: feed,
    }),
    gift: t.router({ onEvent: feed, onOutcome: feed }),
  });

  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  applyWSSHandler({
    wss: sockets,
    router,
    createContext: ({ info }) => ({ token: info.connectionParams?.['token'] ?? '', isMember: false }),
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    calls,
    said,
    cursors,
    /** Errors that the next calls get. */
    refusals,
    /** The sockets that there are stay open, and nothing on them is read or answered any more. */
    freeze: () => sockets.clients.forEach((socket) => socket.pause()),
    cut: () => sockets.clients.forEach((socket) => socket.terminate()),
    stop: () => {
      sockets.clients.forEach((socket) => socket.terminate());
      sockets.close();
      http.close();
    },
  };
}

const message = { roomId: '42', content: 'hi', clientMessageId: '018f3c1e-0000-7000-8000-000000000000' };

const cleanUp: (() => void)[] = [];
afterEach(() => cleanUp.splice(0).forEach((stop) => stop()));

async function connect(token = 'good', callTimeoutMs?: number) {
  const server = await startServer();
  const states: ConnectionState['status'][] = [];
  const connection = new Connection(
    { url: server.url, token: () => token, ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }) },
    silentLogger,
  );
  connection.on('state', ({ status }) => states.push(status));
  cleanUp.push(
    () => connection.close(),
    () => server.stop(),
  );
  return { server, connection, states };
}

describe('Connection', () => {
  it('is connected once the server has answered, and comes back after a loss', async () => {
    const { server, connection, states } = await connect();
    await connection.connected();
    server.cut();
    await expect.poll(() => states, { timeout: 5_000 }).toEqual(['connected', 'reconnecting', 'connected']);
  });

  it('fails calls at once while it is lost', async () => {
    const { server, connection } = await connect();
    await connection.connected();
    const lost = new Promise((resolve) => connection.on('state', resolve));
    server.cut();
    await lost;
    await expect(connection.call((api) => api.room.list.query())).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it('gives up for good when the token is refused', async () => {
    const { server, connection, states } = await connect('bad');
    await expect(connection.connected()).rejects.toMatchObject({ code: 'INVALID_CREDENTIALS' });
    server.cut();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(states).toEqual(['refused']);
    expect(server.calls).toEqual(['media.capabilities']);
  });

  it('tries again when the server cannot tell yet', async () => {
    const { server, connection } = await connect();
    server.refusals.push('SERVICE_UNAVAILABLE', 'SERVICE_UNAVAILABLE');
    await connection.connected();
    expect(server.calls).toHaveLength(3);
  });

  it('gives a socket up that is open and answers nothing, once a call has found out', async () => {
    const { server, connection, states } = await connect('good', 1_000);
    await connection.connected();
    server.freeze();
    await expect(connection.call((api) => api.room.list.query())).rejects.toMatchObject({ code: 'TIMED_OUT' });
    await expect.poll(() => states, { timeout: 15_000 }).toEqual(['connected', 'reconnecting', 'connected']);
  });

  it('keeps a socket on which one call took too long, but others do not', async () => {
    const { server, connection, states } = await connect('good', 1_000);
    await connection.connected();
    server.calls.length = 0;
    const never = connection.call(() => new Promise(() => undefined));
    await expect(never).rejects.toMatchObject({ code: 'TIMED_OUT' });
    await expect.poll(() => server.calls).toEqual(['media.capabilities']);
    await connection.call((api) => api.media.capabilities.query());
    expect(states).toEqual(['connected']);
  });

  it('stays closed', async () => {
    const { connection, states } = await connect();
    await connection.connected();
    connection.close();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(states).toEqual(['connected', 'closed']);
    await expect(connection.connected()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('Membership', () => {
  it('joins again, with its session, before anything else of a new connection', async () => {
    const { server, connection } = await connect();
    const { membership } = await Membership.join(connection, '42', {}, silentLogger);
    const resumed: boolean[] = [];
    const events: RoomFeedEvent[] = [];
    const feeds = new RoomFeeds({
      roomId: '42',
      cursor: '1-0',
      api: membership.api,
      onEvent: (event) => events.push(event),
      onActivity: () => undefined,
      onOutcome: () => undefined,
      onRefused: () => membership.rejoin(),
    });
    membership.on('lost', () => feeds.stop());
    membership.on('rejoined', (answer) => {
      resumed.push(answer.resumed);
      feeds.start();
    });
    feeds.start();
    await expect.poll(() => server.cursors.length).toBe(6);
    server.calls.length = 0;
    server.cut();
    await expect.poll(() => server.cursors.length, { timeout: 5_000 }).toBe(12);
    expect(resumed).toEqual([true]);
    expect(server.calls.slice(0, 2)).toEqual(['media.capabilities', 'room.join']);
    // Every topic goes on from the last event it has seen, and so do the user's outcomes; activity has no cursor.
    expect(server.cursors.slice(6).filter(Boolean)).toEqual(['2-0', '2-0', '2-0', '2-0', '2-0']);
  });

  it('repeats a call with the same id after an error that passes', async () => {
    const { server, connection } = await connect();
    const { membership } = await Membership.join(connection, '42', {}, silentLogger);
    server.refusals.push('SERVICE_UNAVAILABLE');
    await membership.retry((api) => api.chat.send.mutate(message));
    expect(server.calls.filter((path) => path === 'chat.send')).toHaveLength(2);
    expect([...server.said]).toEqual([message.clientMessageId]);
  });

  it('keeps a call that is made while the connection is lost', async () => {
    const { server, connection } = await connect();
    const { membership } = await Membership.join(connection, '42', {}, silentLogger);
    const lost = new Promise<void>((resolve) => membership.on('lost', resolve));
    server.cut();
    await lost;
    await membership.retry((api) => api.chat.send.mutate(message));
    expect(server.calls.slice(-3)).toEqual(['media.capabilities', 'room.join', 'chat.send']);
  });

  it('takes a call from a socket that answers nothing to the next one', async () => {
    const { server, connection } = await connect('good', 1_000);
    const { membership } = await Membership.join(connection, '42', {}, silentLogger);
    server.freeze();
    await membership.retry((api) => api.chat.send.mutate(message));
    expect([...server.said]).toEqual([message.clientMessageId]);
  });

  it('does not repeat what was refused for good', async () => {
    const { server, connection } = await connect();
    const { membership } = await Membership.join(connection, '42', {}, silentLogger);
    server.refusals.push('BAD_INPUT');
    await expect(membership.retry((api) => api.chat.send.mutate(message))).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(server.said.size).toBe(0);
  });

  it('is over when joining again is refused', async () => {
    const { server, connection } = await connect();
    const { membership } = await Membership.join(connection, '42', {}, silentLogger);
    const refused = new Promise((resolve) => membership.on('refused', resolve));
    // The handshake of the new connection passes, the join does not.
    connection.on('state', ({ status }) => {
      if (status === 'connected') server.refusals.push('ROOM_NOT_FOUND');
    });
    server.cut();
    expect(await refused).toMatchObject({ code: 'ROOM_NOT_FOUND' });
    expect(membership.status).toBe('ended');
  });
});
