import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { LightClient } from '../../src/cli/load-test/light-client.ts';
import { type ClientReply, type ClientRequest, type OpenRequest, preciseNow } from './messages.ts';

/** Many clients in a process of their own, so that the server's cost is the server's alone. They count what arrives. */

interface BenchClient {
  pause(): void;
  call(): Promise<unknown>;
}

/** Connections that are being opened at a time. */
const parallel = 25;
/** Shorter messages are the protocols' own (pings). */
const shortestEvent = 20;

const clients: BenchClient[] = [];
let arrived = 0;
let awaited = Infinity;

function onEvent(): void {
  arrived += 1;
  if (arrived < awaited) return;
  arrived -= awaited;
  awaited = Infinity;
  reply({ at: preciseNow() });
}

const reply = (message: ClientReply): void => void process.send?.(message);

async function open(request: OpenRequest): Promise<void> {
  const openers = { flylive: openFlyLive, ws: openWs, 'socket.io': openSocketIo };
  let next = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let n = next++; n < request.tokens.length; n = next++) {
        clients.push(await openers[request.protocol](request, request.tokens[n] ?? '', clients.length));
      }
    }),
  );
}

async function openFlyLive({ url, roomId, distinctIds }: OpenRequest, token: string, n: number): Promise<BenchClient> {
  const client = await LightClient.connect(url, token);
  await persist(() => client.mutate('room.join', { roomId }));
  if (distinctIds) client.skipIds(n * 10);
  const topics = ['room.onEvent', 'media.onEvent', 'chat.onMessage', 'gift.onEvent', 'room.onActivity'];
  await Promise.all(
    topics.map(
      (path) =>
        new Promise<void>((resolve) => {
          const counts = path === 'gift.onEvent';
          let running = false;
          client.subscribe(path, { roomId }, (message) => {
            if (running && counts) onEvent();
            else if (path === 'room.onActivity' || message.includes('"subscribed"')) {
              running = true;
              resolve();
            }
          });
        }),
    ),
  );
  return {
    pause: () => client.pause(),
    call: () => client.query('chat.history', { roomId, limit: 1 }),
  };
}

/** Tries again when a busy machine made the server refuse for a moment. */
async function persist<T>(act: () => Promise<T>): Promise<T> {
  for (let attempts = 5; ; attempts -= 1) {
    try {
      return await act();
    } catch (error) {
      if (attempts === 0) throw error;
      await sleep(500);
    }
  }
}

async function openWs({ url }: OpenRequest): Promise<BenchClient> {
  const socket = new WebSocket(url.replace('http', 'ws'), { perMessageDeflate: false });
  await once(socket, 'open');
  const calls = new Map<number, (answer: string) => void>();
  let lastId = 0;
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (!text.startsWith('{"id":')) return onEvent();
    const id = Number.parseInt(text.slice('{"id":'.length), 10);
    JSON.parse(text);
    calls.get(id)?.(text);
    calls.delete(id);
  });
  return {
    pause: () => socket.pause(),
    call: () =>
      new Promise((resolve) => {
        calls.set((lastId += 1), resolve);
        socket.send(JSON.stringify({ id: lastId, input: { limit: 1 } }));
      }),
  };
}

/** Speaks Engine.IO 4 and Socket.IO 5 as far as it takes to be in the room. */
async function openSocketIo({ url }: OpenRequest): Promise<BenchClient> {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const acks = new Map<number, (answer: string) => void>();
  let lastId = 0;
  const connected = Promise.withResolvers<undefined>();
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (text === '2') socket.send('3');
    else if (text.startsWith('0')) socket.send('40');
    else if (text.startsWith('40')) connected.resolve(undefined);
    else if (text.startsWith('43')) {
      const id = Number.parseInt(text.slice(2), 10);
      JSON.parse(text.slice(text.indexOf('[')));
      acks.get(id)?.(text);
      acks.delete(id);
    } else if (text.length > shortestEvent) onEvent();
  });
  await connected.promise;
  return {
    pause: () => socket.pause(),
    call: () =>
      new Promise((resolve) => {
        acks.set((lastId += 1), resolve);
        socket.send(`42${lastId}["history",{"limit":1}]`);
      }),
  };
}

async function callFor(seconds: number): Promise<void> {
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1_000;
  await Promise.all(
    clients.map(async (client) => {
      for (let now = performance.now(); now < end; now = performance.now()) {
        await client.call();
        latencies.push(performance.now() - now);
      }
    }),
  );
  reply({ latencies, seconds: (performance.now() - started) / 1_000 });
}

process.on('message', (request: ClientRequest) => {
  switch (request.type) {
    case 'open':
      void open(request).then(() => reply({ done: true }));
      break;
    case 'await':
      awaited = request.events;
      if (arrived >= awaited) {
        arrived -= 1;
        onEvent();
      }
      break;
    case 'pause':
      for (const client of clients.slice(0, request.clients)) client.pause();
      reply({ done: true });
      break;
    case 'call':
      void callFor(request.seconds);
  }
});
process.on('disconnect', () => process.exit());
