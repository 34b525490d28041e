import { setTimeout as sleep } from 'node:timers/promises';
import { LightClient } from '../../src/cli/load-test/light-client.ts';
import { type ClientReply, type ClientRequest, type OpenRequest, preciseNow } from './messages.ts';
import { openSocketIo, openWs, type PlainClient } from './plain-clients.ts';

/** Many clients in a process of their own, so that the server's cost is the server's alone. They count what arrives. */

type BenchClient = Pick<PlainClient, 'pause' | 'call'>;

/** Connections that are being opened at a time. */
const parallel = 25;

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
  const openers = {
    flylive: openFlyLive,
    ws: ({ url }: OpenRequest) => openWs(url, onEvent),
    'socket.io': ({ url }: OpenRequest) => openSocketIo(url, onEvent),
  };
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
