import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { type AnyRouter, initTRPC, tracked } from '@trpc/server';
import { getWSConnectionHandler } from '@trpc/server/adapters/ws';
import superjson from 'superjson';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { AppError } from '../../src/core/errors.ts';
import { topicSchemas } from '../../src/core/events.ts';
import { userIdSchema } from '../../src/core/ids.ts';
import { EventSocket, makeEncoder, socketOptions } from '../../src/http/event-socket.ts';
import { FairQueue } from '../../src/http/fair-queue.ts';
import { encodeFailure, encodeStopped, trpcWireFormat } from '../../src/http/trpc-wire-format.ts';
import { HandOver } from '../../src/routers/hand-over.ts';
import { transformer } from '../../src/routers/transformer.ts';
import { publicProcedure, router as appLikeRouter } from '../../src/routers/trpc.ts';
import type { FeedEntry } from '../../src/services/room-feed.ts';
import type { SubscriptionSink } from '../../src/services/room-subscription.ts';
import { eventually } from '../support/eventually.ts';
import { eventId, feedEntry } from '../support/feed-entries.ts';
import { readFrames } from '../support/frames.ts';

/**
 * What the fan-out takes for granted of @trpc/server, @trpc/client, superjson and ws, none of which promise it. When an
 * upgrade fails here, read http/event-socket.ts and http/trpc-wire-format.ts against the new version.
 */

const profile = { id: 7, name: 'Zoë "the voice" \u2028 😀', avatar: null };

/** One of every shape of event. */
const entries: readonly FeedEntry[] = [
  feedEntry(1, { content: 'Hello </script> \\ "quoted" \u0007 é 😀' }),
  feedEntry(2, { topic: 'room' }),
  logged(3, 'room', { type: 'sessionReplaced', sessionId: 'b6b1b2c4-0b67-4a9e-8b3c-7d1a3d5c9e11' }),
  logged(4, 'media', {
    type: 'producerOpened',
    producer: { producerId: 'p', userId: 7, source: 'music', paused: true },
    mutedByHost: false,
  }),
  logged(5, 'gift', {
    type: 'giftReceived',
    gift: {
      transactionId: '0197c1b0-5bcb-7d3e-9a8e-6a1b2c3d4e5f',
      gift: { id: '12', name: 'Rose', price: 0.5, icon: '' },
      quantity: 9_999,
      sender: profile,
      recipientId: 8,
      sentAt: 1_700_000_000_000,
    },
  }),
  feedEntry(6, { content: 'x'.repeat(500) }),
];

const activities = [
  { levels: [], forwarded: [], participantCount: 0, reactions: [] },
  { levels: [{ userId: userIdSchema.parse(7), level: -127 }], forwarded: [], participantCount: 5_000, reactions: [] },
  {
    levels: [],
    forwarded: [],
    participantCount: 2,
    reactions: [],
    quality: [{ userId: userIdSchema.parse(7), quality: 'poor', loss: 0.25, jitterMs: 12, rttMs: null }],
  } as const,
];

function logged(n: number, topic: 'room' | 'media' | 'gift', json: object): FeedEntry {
  const event = topicSchemas[topic].parse(json);
  return { id: eventId(n), topic, recipient: null, event, json: JSON.stringify(event) } as FeedEntry;
}

const t = initTRPC.create({ transformer });
const subscriptionInput = z.object({ lastEventId: z.string().optional() }).optional();

/** What the procedures of this test report. */
interface Seen {
  readonly resumedFrom: (string | undefined)[];
  readonly handedOver: { readonly sink: SubscriptionSink; readonly requestId: string }[];
  /** Request ids of handed-over subscriptions that were told to stop. */
  readonly stopped: string[];
  /** Generators of handed-over subscriptions that tRPC has let go of. */
  letGo: number;
}

function makeRouter(seen: Seen) {
  const untilAborted = (signal: AbortSignal | undefined): Promise<unknown> =>
    new Promise((resolve) => signal?.addEventListener('abort', resolve));
  return t.router({
    tracked: t.procedure.subscription(async function* ({ signal }) {
      for (const { id, event } of entries) yield tracked(id, event);
      await untilAborted(signal);
    }),
    untracked: t.procedure.subscription(async function* ({ signal }) {
      yield* activities;
      await untilAborted(signal);
    }),
    handedOver: t.procedure.input(subscriptionInput).subscription(async function* ({ input }) {
      seen.resumedFrom.push(input?.lastEventId);
      yield tracked(input?.lastEventId ?? '0-0', { type: 'subscribed' });
      const marker = new HandOver((sink, requestId) => {
        seen.handedOver.push({ sink, requestId });
        return { path: 'handedOver', stop: () => void seen.stopped.push(requestId) };
      });
      try {
        yield marker as never;
        if (!marker.taken) throw new Error('Not taken');
      } finally {
        seen.letGo += 1;
      }
    }),
  });
}
type TestRouter = ReturnType<typeof makeRouter>;

let seen: Seen;
let server: WebSocketServer;
let url: string;
let serverSockets: EventSocket[];

beforeEach(async () => {
  seen = { resumedFrom: [], handedOver: [], stopped: [], letGo: 0 };
  serverSockets = [];
  server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...socketOptions, WebSocket: EventSocket });
  serve(server, makeRouter(seen));
  await once(server, 'listening');
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const socket of server.clients) socket.terminate();
  server.close();
  await once(server, 'close');
});

function serve(wss: WebSocketServer, router: AnyRouter): void {
  const queue = new FairQueue();
  wss.on('connection', (socket, request) => {
    const eventSocket = socket as EventSocket;
    eventSocket.bind(request.socket, { queue, pay: () => 0, onUnread: () => undefined, onFlood: () => undefined });
    serverSockets.push(eventSocket);
    const experimental_encoder = makeEncoder(eventSocket);
    getWSConnectionHandler({ wss, router, experimental_encoder })(socket, request);
  });
}

/** A client that keeps every byte it receives. */
async function openRaw(address = url) {
  const socket = new WebSocket(address);
  const received: Buffer[] = [];
  let tcp: Socket | null = null;
  socket.on('upgrade', (response) => {
    tcp = response.socket;
    response.socket.on('data', (chunk: Buffer) => void received.push(chunk));
  });
  await once(socket, 'open');
  return {
    received: () => Buffer.concat(received),
    texts: () => readFrames(Buffer.concat(received)).map(({ text }) => text),
    pause: () => tcp?.pause(),
    subscribe: (id: number | string, path: string) =>
      socket.send(JSON.stringify({ id, method: 'subscription', params: { path } })),
    stop: (id: number | string) => socket.send(JSON.stringify({ id, method: 'subscription.stop' })),
    terminate: () => socket.terminate(),
  };
}

function openStock() {
  const ws = createWSClient({
    url,
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    retryDelayMs: () => 10,
  });
  const trpc = createTRPCClient<TestRouter>({ links: [wsLink({ client: ws, transformer: superjson })] });
  return { trpc, close: () => ws.close() };
}

/** The bytes after the first frame, which says that the subscription has started. */
function afterStarted(bytes: Buffer): Buffer {
  const [started] = readFrames(bytes);
  return bytes.subarray(2 + Buffer.byteLength(started?.text ?? ''));
}

describe('the seam to tRPC', () => {
  it.each([3, 'a "quoted" id'])(
    'writes tracked events byte for byte as tRPC writes them (request id %j)',
    async (id) => {
      const raw = await openRaw();
      raw.subscribe(id, 'tracked');
      await eventually(() => expect(raw.texts()).toHaveLength(1 + entries.length));
      expect(JSON.parse(raw.texts()[0] ?? '')).toEqual({ id, result: { type: 'started' } });
      const ours = Buffer.from(trpcWireFormat.events(entries).for(JSON.stringify(id)));
      expect(afterStarted(raw.received()).toString()).toBe(ours.toString());
      expect(afterStarted(raw.received()).equals(ours)).toBe(true);
    },
  );

  it('writes activity byte for byte as tRPC writes untracked values', async () => {
    const raw = await openRaw();
    raw.subscribe(4, 'untracked');
    await eventually(() => expect(raw.texts()).toHaveLength(1 + activities.length));
    const ours = Buffer.concat(activities.map((activity) => trpcWireFormat.activity(activity).for('4')));
    expect(afterStarted(raw.received()).equals(ours)).toBe(true);
  });

  it('brings the hand-over to the socket through adapter, superjson and encoder, and sends nothing for it', async () => {
    const raw = await openRaw();
    raw.subscribe(5, 'handedOver');
    raw.subscribe('six', 'handedOver');
    await eventually(() => expect(seen.handedOver).toHaveLength(2));
    expect(seen.handedOver.map(({ requestId }) => requestId)).toEqual(['5', '"six"']);
    for (const { sink } of seen.handedOver) expect(sink).toBe(serverSockets[0]);
    seen.handedOver[0]?.sink.write(trpcWireFormat.events([feedEntry(1)]).for('5'));
    await eventually(() => expect(raw.texts()).toHaveLength(5));
    const messages = raw.texts().map((text) => JSON.parse(text) as { result: { type: string; id?: string } });
    expect(messages.map(({ result }) => result.id ?? result.type)).toEqual(['started', 'started', '0-0', '0-0', '1-0']);
  });

  it('lets tRPC forget the subscription without telling the client', async () => {
    const raw = await openRaw();
    raw.subscribe(5, 'handedOver');
    await eventually(() => expect(seen.letGo).toBe(1));
    // tRPC says `stopped` some microtasks later; whatever it says comes before this answer.
    raw.subscribe(6, 'untracked');
    await eventually(() => expect(raw.texts()).toHaveLength(2 + 1 + activities.length));
    expect(raw.texts().filter((text) => text.includes('"stopped"'))).toEqual([]);
    expect(seen.stopped).toEqual([]);
  });

  it("stops at the client's wish, once, and says so as tRPC does", async () => {
    const raw = await openRaw();
    raw.subscribe(5, 'handedOver');
    raw.subscribe('six', 'untracked');
    const before = 3 + activities.length;
    await eventually(() => expect(raw.texts()).toHaveLength(before));
    raw.stop(5);
    raw.stop(5);
    raw.stop('six');
    await eventually(() => expect(raw.texts()).toHaveLength(before + 2));
    const [ours, trpcs, ...rest] = raw.texts().slice(before);
    expect(seen.stopped).toEqual(['5']);
    expect(rest).toEqual([]);
    expect(ours).toBe(trpcs?.replace('"six"', '5'));
  });

  it('stops when the socket is gone', async () => {
    const raw = await openRaw();
    raw.subscribe(5, 'handedOver');
    raw.subscribe(6, 'handedOver');
    await eventually(() => expect(seen.handedOver).toHaveLength(2));
    raw.terminate();
    await eventually(() => expect(seen.stopped).toEqual(['5', '6']));
  });

  it('refuses a second subscription with the id of one that was handed over, which goes on', async () => {
    const raw = await openRaw();
    raw.subscribe(5, 'handedOver');
    await eventually(() => expect(seen.letGo).toBe(1));
    raw.subscribe(5, 'handedOver');
    await eventually(() => expect(raw.texts().some((text) => text.includes('"error"'))).toBe(true));
    expect(seen.handedOver).toHaveLength(1);
    expect(seen.stopped).toEqual([]);
    raw.stop(5);
    await eventually(() => expect(seen.stopped).toEqual(['5']));
  });

  it.each([
    new AppError('SESSION_REPLACED'),
    new AppError('RATE_LIMITED', { details: { retryAfterMs: 5 } }),
    new Error('Unknown'),
  ])('says why a subscription is over byte for byte as tRPC says it (%s)', async (error) => {
    const failing = publicProcedure.subscription(async function* () {
      yield tracked('0-0', {});
      throw error;
    });
    const other = new WebSocketServer({ host: '127.0.0.1', port: 0, ...socketOptions, WebSocket: EventSocket });
    serve(other, appLikeRouter({ room: { failing } }));
    await once(other, 'listening');
    const raw = await openRaw(`ws://127.0.0.1:${(other.address() as AddressInfo).port}`);
    raw.subscribe('seven', 'room.failing');
    await eventually(() => expect(raw.texts()).toHaveLength(4));
    const [, , ...trpcs] = raw.texts();
    expect([encodeFailure('"seven"', 'room.failing', error), encodeStopped('"seven"')]).toEqual(trpcs);
    raw.terminate();
    other.close();
  });

  it('keeps the order of what tRPC sends and what the broadcast writes', async () => {
    const raw = await openRaw();
    const [socket] = serverSockets;
    for (let n = 0; n < 100; n += 1) {
      socket?.send(`before ${n}`);
      socket?.write(trpcWireFormat.events([feedEntry(n)]).for('1'));
      socket?.send('x'.repeat(n * 1_000));
    }
    await eventually(() => expect(raw.texts()).toHaveLength(300));
    const texts = raw.texts();
    for (let n = 0; n < 100; n += 1) {
      expect(texts[n * 3]).toBe(`before ${n}`);
      expect(texts[n * 3 + 1]).toContain(`"id":"${n}-0"`);
      expect(texts[n * 3 + 2]).toHaveLength(n * 1_000);
    }
  });

  it('counts what the broadcast wrote and the client has not read', async () => {
    const raw = await openRaw();
    raw.pause();
    const [socket] = serverSockets;
    const piece = trpcWireFormat.events([feedEntry(1, { content: 'x'.repeat(1_000_000) })]).for('1');
    for (let n = 0; n < 20; n += 1) socket?.write(piece);
    await eventually(() => expect(socket?.bufferedBytes).toBeGreaterThan(1_000_000));
  });
});

describe('a stock client', () => {
  it('reads frames of every length form from the broadcast', async () => {
    await using client = { ...openStock(), [Symbol.asyncDispose]: async () => client.close() };
    const received: unknown[] = [];
    client.trpc.handedOver.subscribe(undefined, { onData: (item) => void received.push(item) });
    await eventually(() => expect(seen.handedOver).toHaveLength(1));
    const { sink, requestId } = seen.handedOver[0] ?? expect.unreachable();
    const sent = [0, 100, 60_000, 70_000, 300_000].map((size, n) => feedEntry(n + 1, { content: 'é'.repeat(size) }));
    sink.write(trpcWireFormat.events(sent).for(requestId));
    await eventually(() => expect(received).toHaveLength(1 + sent.length));
    expect(received.slice(1)).toEqual(sent.map(({ id, event }) => ({ id, data: event })));
  });

  it('takes activity for plain values, which leave its cursor alone', async () => {
    await using client = { ...openStock(), [Symbol.asyncDispose]: async () => client.close() };
    const received: unknown[] = [];
    client.trpc.handedOver.subscribe(undefined, { onData: (item) => void received.push(item) });
    await eventually(() => expect(seen.handedOver).toHaveLength(1));
    const { sink, requestId } = seen.handedOver[0] ?? expect.unreachable();
    for (const activity of activities) sink.write(trpcWireFormat.activity(activity).for(requestId));
    await eventually(() => expect(received.slice(1)).toEqual(activities));
  });

  it('resumes after the last event of the broadcast when its socket is lost', async () => {
    await using client = { ...openStock(), [Symbol.asyncDispose]: async () => client.close() };
    const ids: string[] = [];
    client.trpc.handedOver.subscribe(undefined, { onData: ({ id }: { id: string }) => void ids.push(id) });
    for (let life = 1; life <= 3; life += 1) {
      await eventually(() => expect(seen.handedOver).toHaveLength(life));
      const { sink, requestId } = seen.handedOver[life - 1] ?? expect.unreachable();
      sink.write(trpcWireFormat.events([feedEntry(life * 10), feedEntry(life * 10 + 1)]).for(requestId));
      await eventually(() => expect(ids.at(-1)).toBe(eventId(life * 10 + 1)));
      sink.terminate();
    }
    await eventually(() => expect(seen.resumedFrom).toEqual([undefined, '11-0', '21-0', '31-0']));
  });
});

describe('the versions', () => {
  it('of @trpc packages are exact, equal, and those that are installed', () => {
    interface Manifest {
      readonly version: string;
      readonly dependencies: Record<string, string>;
      readonly devDependencies: Record<string, string>;
    }
    const read = (path: string): Manifest =>
      JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')) as Manifest;
    const { dependencies, devDependencies } = read('package.json');
    const pins = Object.entries({ ...dependencies, ...devDependencies }).filter(([name]) => name.startsWith('@trpc/'));
    expect(pins.map(([name]) => name).sort()).toEqual(['@trpc/client', '@trpc/server']);
    for (const [name, pin] of pins) {
      expect(pin, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(pin).toBe(pins[0]?.[1]);
      expect(read(`node_modules/${name}/package.json`).version).toBe(pin);
    }
  });
});
