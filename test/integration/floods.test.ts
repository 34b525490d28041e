import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { startTestServer } from '../support/server.ts';

const callsPerSecond = 20;
/** Seconds' worth that may come at once. */
const burst = 4 * callsPerSecond;
const callsPerFrame = 10;
const frames = 24;

it('handles of a flood what its rate allows, also when one read holds all of it, and answers the rest later', async () => {
  await using server = await startTestServer({
    env: { MEDIASOUP_WORKERS: '1', RATE_LIMIT_CALLS_PER_SECOND: String(callsPerSecond) },
  });
  const { token } = server.laravel.addUser({ name: 'Eager' });
  await using socket = await RawSocket.open(server.url, token);
  const began = performance.now();
  const ids: number[] = [];
  for (let n = 0; n < frames; n += 1) {
    const calls = Array.from({ length: callsPerFrame }, () => {
      const id = socket.nextId();
      ids.push(id);
      return { id, method: 'query', params: { path: 'media.capabilities' } };
    });
    socket.send(JSON.stringify(calls));
  }
  const answered = (): number[] => {
    return socket.received.flatMap((text) => {
      const { id } = JSON.parse(text) as { id: number | null };
      return id === null ? [] : [id];
    });
  };
  await eventually(() => expect(answered().length).toBeGreaterThanOrEqual(burst - callsPerFrame));
  await sleep(500);
  const earned = ((performance.now() - began) / 1_000) * callsPerSecond;
  expect(answered().length).toBeLessThanOrEqual(burst + earned + callsPerFrame);
  expect(answered().length).toBeLessThan(ids.length);
  await eventually(() => expect(answered()).toHaveLength(ids.length), 15_000);
  expect(answered().toSorted((a, b) => a - b)).toEqual(ids);
  expect(socket.closeCode).toBeNull();
}, 30_000);
