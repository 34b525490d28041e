import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { getWSConnectionHandler } from '@trpc/server/adapters/ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { EventSocket, makeEncoder, socketOptions } from '../../src/http/event-socket.ts';
import { FairQueue } from '../../src/http/fair-queue.ts';
import { eventually } from '../support/eventually.ts';

/**
 * What the inbox takes for granted of tRPC's adapter and of ws: that a call can be told by itself and in place of its
 * frame, and that each call gets an answer that can be known for one. When an upgrade fails here, read http/inbox.ts and
 * http/event-socket.ts against the new version.
 */

const kib = 1_024;
const unreadMs = 1_500;

const t = initTRPC.create();
const router = t.router({
  letters: t.procedure.input(z.int()).query(async ({ input }) => {
    await sleep(1);
    return 'x'.repeat(input);
  }),
  change: t.procedure.input(z.int()).mutation(async ({ input }) => {
    await sleep(1);
    return input;
  }),
  fail: t.procedure.query(() => {
    throw new Error('Failed');
  }),
  follow: t.procedure.subscription(async function* ({ signal }) {
    yield 'first';
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
  }),
});

let server: WebSocketServer;
let url: string;
let sockets: EventSocket[];
let decoded: unknown[];
let prices: number[];
let cut: number;

beforeEach(async () => {
  sockets = [];
  decoded = [];
  prices = [];
  cut = 0;
  const queue = new FairQueue();
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...socketOptions, WebSocket: EventSocket });
  server.on('connection', (socket, request) => {
    const eventSocket = socket as EventSocket;
    sockets.push(eventSocket);
    eventSocket.bind(request.socket, {
      queue,
      pay: (calls) => {
        prices.push(calls);
        return 0;
      },
      onFlood: () => undefined,
      onUnread: () => (cut += 1),
      unreadMs,
    });
    const { encode, decode } = makeEncoder(eventSocket);
    const experimental_encoder = {
      encode,
      decode: (data: string | ArrayBuffer | Uint8Array) => {
        const message = decode(data);
        decoded.push(message);
        return message;
      },
    };
    getWSConnectionHandler({ wss: server, router, experimental_encoder })(socket, request);
  });
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const socket of server.clients) socket.terminate();
  server.close();
  await once(server, 'close');
});

async function open() {
  const socket = new WebSocket(url);
  socket.on('error', () => undefined);
  const received: string[] = [];
  let tcp: Socket | null = null;
  socket.on('upgrade', (response) => (tcp = response.socket));
  socket.on('message', (data: Buffer) => void received.push(data.toString()));
  await once(socket, 'open');
  await eventually(() => expect(sockets).not.toHaveLength(0));
  return {
    socket,
    received,
    /** Ids of the messages received, in order. */
    ids: () => received.map((text) => (JSON.parse(text) as { id: unknown }).id),
    send: (message: unknown) => socket.send(JSON.stringify(message)),
    pause: () => tcp?.pause(),
    resume: () => tcp?.resume(),
  };
}

const letters = (id: unknown, size = 1): object => ({
  id,
  method: 'query',
  params: { path: 'letters', input: size },
});

describe('the inbound seam to tRPC', () => {
  it('asks for the message while it is told that there is one', async () => {
    const client = await open();
    client.send([letters(1), letters(2)]);
    await eventually(() => expect(client.ids()).toEqual([1, 2]));
    expect(decoded).toEqual([letters(1), letters(2)]);
    // Around the inbox, as ws would emit it.
    const [socket] = sockets;
    const told = WebSocket.prototype.emit.call(socket, 'message', Buffer.from(JSON.stringify(letters(3))), false);
    expect(told).toBe(true);
    expect(decoded).toHaveLength(3);
  });

  it('answers a PING that comes as text by itself, and in order', async () => {
    const client = await open();
    client.send(letters(1));
    client.socket.send('PING');
    client.send(letters(2));
    await eventually(() => expect(client.received).toHaveLength(3));
    expect(client.received).toContain('PONG');
    expect(decoded).toEqual([letters(1), letters(2)]);
  });

  it('answers pings of the protocol in their turn, and they are paid for', async () => {
    const client = await open();
    const pongs: string[] = [];
    client.socket.on('pong', (data: Buffer) => void pongs.push(data.toString()));
    for (let n = 0; n < 100; n += 1) client.socket.ping(String(n));
    await eventually(() => expect(pongs).toEqual(Array.from({ length: 100 }, (_, n) => String(n))));
    expect(prices).toHaveLength(100);
  });

  it('answers every call under its id, or says at once that it could not read it', async () => {
    const client = await open();
    const kinds: ((id: number) => object)[] = [
      (id) => letters(id),
      (id) => ({ id, method: 'mutation', params: { path: 'change', input: 1 } }),
      (id) => ({ id, method: 'query', params: { path: 'letters', input: 'wrong' } }),
      (id) => ({ id, method: 'query', params: { path: 'fail' } }),
      (id) => ({ id, method: 'query', params: { path: 'nothing' } }),
      (id) => ({ id, method: 'mutation', params: { path: 'letters', input: 1 } }),
      (id) => ({ id, method: 'subscription', params: { path: 'letters', input: 1 } }),
      (id) => ({ id, method: 'subscription', params: { path: 'follow' } }),
      (id) => ({ id, method: 'query', params: { path: 'follow' } }),
      (id) => ({ id, method: 'query', params: {} }),
      (id) => ({ id, method: 'query', params: null }),
      (id) => ({ id, method: 'nothing' }),
      (id) => ({ id }),
      (id) => ({ id, method: 'query', params: { path: 'letters', input: 1, lastEventId: 7 } }),
      (id) => ({ id, jsonrpc: '1.0', method: 'query', params: { path: 'letters', input: 1 } }),
    ];
    let id = 0;
    for (const kind of kinds) {
      // More of each than may be unanswered: one that is never answered holds up all that follows.
      for (let n = 0; n < 20; n += 1) client.send(kind((id += 1)));
      // Stopped before it has begun, which has an answer too.
      client.send([
        { id: (id += 1), method: 'subscription', params: { path: 'follow' } },
        { id, method: 'subscription.stop' },
      ]);
      client.send(letters(`after ${id}`));
      await eventually(() => expect(client.ids(), kind(0) as never).toContain(`after ${id}`));
    }
  });

  it('serves a stock client that has many calls in one frame', async () => {
    const ws = createWSClient({ url, WebSocket: WebSocket as unknown as typeof globalThis.WebSocket });
    const trpc = createTRPCClient<typeof router>({ links: [wsLink({ client: ws })] });
    const followed: string[] = [];
    for (let n = 0; n < 6; n += 1) trpc.follow.subscribe(undefined, { onData: (value) => void followed.push(value) });
    const answers = await Promise.all(Array.from({ length: 44 }, (_, n) => trpc.letters.query(n)));
    expect(answers.map(({ length }) => length)).toEqual(Array.from({ length: 44 }, (_, n) => n));
    await eventually(() => expect(followed).toEqual(Array(6).fill('first')));
    await ws.close();
  });
});

describe('a client that does not read its answers', () => {
  const answerBytes = 64 * kib;
  const callCount = 200;
  /** 256 KiB, and what 16 calls answer that were under way by then. */
  const mostBuffered = 256 * kib + 17 * (answerBytes + kib);

  async function ask() {
    const client = await open();
    client.pause();
    for (let id = 1; id <= callCount; id += 1) client.send(letters(id, answerBytes));
    const [socket] = sockets;
    let most = 0;
    const look = (): number => (most = Math.max(most, socket?.bufferedAmount ?? 0));
    const timer = setInterval(look, 1);
    await eventually(() => expect(look()).toBeGreaterThan(256 * kib));
    return { client, stop: () => (clearInterval(timer), most) };
  }

  it('is answered no more, and cut', async () => {
    const { client, stop } = await ask();
    await eventually(() => expect(cut).toBe(1));
    expect(stop()).toBeLessThan(mostBuffered);
    expect(sockets[0]?.readyState).not.toBe(WebSocket.OPEN);
    expect(decoded.length).toBeLessThan(callCount);
    client.resume();
    await once(client.socket, 'close');
  });

  it('gets every answer when it goes on reading in time', async () => {
    const { client, stop } = await ask();
    client.resume();
    await eventually(() => expect(client.ids()).toHaveLength(callCount), 30_000);
    expect(stop()).toBeLessThan(mostBuffered);
    expect(new Set(client.ids()).size).toBe(callCount);
    expect(cut).toBe(0);
  });
});
