import { isUtf8 } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { LightClient } from '../../src/cli/load-test/light-client.ts';
import { addRoom } from '../support/members.ts';
import { readUsage } from '../support/process-usage.ts';
import type { ServerProcess } from '../support/server-process.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** The long form is `MUTATED_FRAMES=100000 npx vitest run test/contract/mutated-frames`. */
const frameCount = Number(process.env['MUTATED_FRAMES'] ?? 10_000);
const framesPerConnection = 200;
/** Mutations that would make a frame invalid UTF-8 are let through once in so many. */
const badTextEvery = 100;
const mostGrowthBytes = 64 * 1024 * 1024;

let server: TestServer;
let target: ServerProcess;

beforeAll(async () => {
  server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
  // In a process of its own: an exception that nobody catches ends it, and its memory is its own.
  target = await server.startProcess({
    RATE_LIMIT_CALLS_PER_SECOND: '1000000',
    RATE_LIMIT_MESSAGES_PER_MINUTE: '100000',
    MAX_CONNECTIONS_PER_USER: '10000',
    MAX_CONNECTIONS_PER_ADDRESS: '1000000',
    NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=4',
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** What a client sends from connecting to leaving. */
function validTraffic(token: string, roomId: string): { readonly opening: string; readonly frames: readonly string[] } {
  let id = 0;
  const call = (method: string, path: string, json: object, more: object = {}): object => ({
    id: (id += 1),
    method,
    params: { path, input: { json }, ...more },
  });
  const frames: unknown[] = [
    call('mutation', 'room.join', { roomId }),
    [
      call('subscription', 'room.onEvent', { roomId }),
      call('subscription', 'media.onEvent', { roomId }, { lastEventId: '1700000000000-0' }),
      call('subscription', 'chat.onMessage', { roomId, lastEventId: '1700000000000-12' }),
      call('subscription', 'gift.onEvent', { roomId }),
      call('subscription', 'room.onActivity', { roomId }),
    ],
    call('mutation', 'chat.send', { roomId, content: 'Hello é 😀' }),
    call('query', 'chat.history', { roomId, limit: 50 }),
    call('query', 'room.participants', { roomId, cursor: '0-0', limit: 100 }),
    call('mutation', 'seat.take', { roomId, seat: 3 }),
    call('mutation', 'media.createTransport', { roomId, direction: 'receive' }),
    call('query', 'gift.status', { transactionIds: ['0197c1b0-5bcb-7d3e-9a8e-6a1b2c3d4e5f'] }),
    { id: 2, method: 'subscription.stop' },
    call('mutation', 'seat.leave', { roomId }),
    call('mutation', 'room.leave', { roomId }),
  ];
  return {
    opening: JSON.stringify({ method: 'connectionParams', data: { token } }),
    frames: [...frames.map((frame) => JSON.stringify(frame)), 'PING', 'PONG'],
  };
}

const scraps = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  'null',
  '-1',
  '1e309',
  '\\u0000',
  '__proto__',
  'constructor',
  '[[[[[[[[',
];

/** The frame with a few bytes changed, removed, doubled or put in; or a part of it; or two as one. */
function mutate(frame: string, others: readonly string[]): Buffer {
  let bytes = Buffer.from(frame);
  for (let changes = randomInt(1, 5); changes > 0; changes -= 1) {
    const at = randomInt(bytes.length + 1);
    const end = Math.min(bytes.length, at + randomInt(1, 20));
    const [head, middle, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    switch (randomInt(8)) {
      case 0: {
        // A byte that makes no text ends the connection, so it is rare, and what comes behind it is handled.
        const byte = randomInt(badTextEvery) === 0 ? randomInt(128, 256) : randomInt(128);
        bytes = Buffer.concat([head, Buffer.from([byte]), bytes.subarray(at + 1)]);
        break;
      }
      case 1:
        bytes = Buffer.concat([head, tail]);
        break;
      case 2:
        bytes = Buffer.concat([head, middle, middle, tail]);
        break;
      case 3:
        bytes = Buffer.concat([head, Buffer.from(scraps[randomInt(scraps.length)] ?? ''), tail]);
        break;
      case 4:
        bytes = Buffer.from(head);
        break;
      case 5:
        bytes = Buffer.concat([head, Buffer.from(others[randomInt(others.length)] ?? ''), tail]);
        break;
      case 6:
        bytes = Buffer.from(bytes.toString().replaceAll(/\d+/g, () => String(randomInt(2 ** 40))));
        break;
      default:
        bytes = Buffer.from(bytes.toString().replace(/"(\w+)":/, `"${scraps[randomInt(scraps.length)] ?? ''}":`));
    }
  }
  // A cut through the middle of a character is no text either.
  return isUtf8(bytes) || randomInt(badTextEvery) === 0 ? bytes : Buffer.from(bytes.toString());
}

/**
 * Sends mutated frames over one connection until they are all sent or the server closes it.
 *
 * @returns how many the server has handled for certain: those before its last answer to a ping
 */
async function attack(token: string, roomId: string): Promise<number> {
  const { opening, frames } = validTraffic(token, roomId);
  const socket = new WebSocket(`${target.url.replace('http', 'ws')}/trpc?connectionParams=1`);
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'open');
  // Sometimes the opening itself is bad.
  socket.send(randomInt(20) === 0 ? mutate(opening, frames).toString() : opening);
  let handled = 0;
  for (let n = 0; n < framesPerConnection && socket.readyState === WebSocket.OPEN; n += 1) {
    const frame = frames[n % frames.length] ?? '';
    // Some go unharmed, so that there is state to be hurt.
    const bytes = randomInt(5) === 0 ? Buffer.from(frame) : mutate(frame, frames);
    // Binary frames are refused as such, so that few of them are enough.
    socket.send(bytes, { binary: randomInt(50) === 0 });
    if (n % 50 === 49 && (await answersPing(socket))) handled = n + 1;
  }
  if (randomInt(2) === 0) socket.close();
  else socket.terminate();
  await closed;
  return handled;
}

/** Waits until the server has handled everything that was sent, pings come in their turn; false when it has closed. */
function answersPing(socket: WebSocket): Promise<boolean> {
  const pong = new Promise<boolean>((resolve) => socket.once('pong', () => resolve(true)));
  if (socket.readyState !== WebSocket.OPEN) return Promise.resolve(false);
  socket.ping();
  return Promise.race([pong, new Promise<boolean>((resolve) => socket.once('close', () => resolve(false)))]);
}

describe('mutated frames', () => {
  it('neither end the process nor make it grow', { timeout: 600_000 }, async () => {
    const roomId = addRoom(server);
    const attackers = Array.from({ length: 10 }, (_, n) => server.laravel.addUser({ name: `Attacker ${n}` }));
    const run = async (count: number): Promise<void> => {
      let handled = 0;
      await Promise.all(
        attackers.map(async ({ token }) => {
          while (handled < count) {
            const more = await attack(token, roomId);
            handled += more;
          }
        }),
      );
    };
    await run(frameCount / 5);
    const before = await readUsage(target.url);
    await run(frameCount);
    const after = await readUsage(target.url);
    const growth = after.rss - before.rss;
    process.stdout.write(`${frameCount} mutated frames: RSS + ${Math.round(growth / 1024 / 1024)} MiB\n`);
    expect(growth).toBeLessThan(mostGrowthBytes);

    // The same process serves a newcomer as if nothing had been. An unhandled rejection would have ended it.
    const { token } = server.laravel.addUser({ name: 'Newcomer' });
    const client = await LightClient.connect(target.url, token);
    await client.mutate('room.join', { roomId });
    const { content } = await client.mutate<{ content: string }>('chat.send', { roomId, content: 'Still here' });
    expect(content).toBe('Still here');
    client.terminate();
  });
});
