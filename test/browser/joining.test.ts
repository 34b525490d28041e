import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { launchBrowser, openTab } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear } from '../support/hearing.ts';
import { rtpPacket, rtpParameters } from '../support/media.ts';
import { addRoom, enter } from '../support/members.ts';
import { takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { WebRtcPeer } from '../support/webrtc-peer.ts';

/** JOINS=20 measures; a few show that it works. */
const joinCount = Number(process.env['JOINS'] ?? 3);
/** 20 ms of silence in Opus. */
const silence = Buffer.from([0xf8, 0xff, 0xfe]);

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Somebody on a seat with an open microphone who says nothing. */
async function sitSilently(roomId: string, ssrc: number): Promise<() => Promise<void>> {
  const { trpc, client } = await enter(server, roomId);
  await trpc.seat.take.mutate({ roomId });
  const { transportId, ...ends } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
  const peer = await WebRtcPeer.create(ends);
  const input = { roomId, transportId, dtlsParameters: peer.dtlsParameters };
  await Promise.all([trpc.media.connectTransport.mutate(input), peer.connect()]);
  await trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters(ssrc) });
  let sequence = 0;
  const timer = setInterval(() => {
    void peer.sendRtp(rtpPacket({ ssrc, sequence: sequence++, level: 127, payload: silence })).catch(() => undefined);
  }, 20);
  return async () => {
    clearInterval(timer);
    await peer.close();
    await client.close();
  };
}

/** The procedures of media and membership that a page calls, in order. */
function watchCalls(page: Page): string[] {
  const calls: string[] = [];
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      const text = payload.toString();
      if (!text.startsWith('{') && !text.startsWith('[')) return;
      for (const call of [JSON.parse(text)].flat() as { method?: string; params?: { path?: string } }[]) {
        const path = call.params?.path ?? '';
        if (call.method !== 'subscription' && /^(room\.join|media\.(?!capabilities))/.test(path)) calls.push(path);
      }
    }),
  );
  return calls;
}

test('fifteen speakers are heard after two calls', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await takeSeat(speaker);
  const silent = await Promise.all(Array.from({ length: 14 }, (_, index) => sitSilently(roomId, 1_000 + index)));
  onTestFinished(async () => {
    await Promise.all(silent.map((leave) => leave()));
  });

  const soundAfter: number[] = [];
  for (let join = 0; join < joinCount; join += 1) {
    const user = server.laravel.addUser({ name: 'Somebody' });
    await using tab = await openTab(browser, { url: server.url, token: user.token, path: `/rooms/${roomId}` });
    const lines: string[] = [];
    const calls = watchCalls(tab.page);
    tab.page.on('console', (message) => lines.push(message.text()));
    // Its socket is watched from the start this time.
    await tab.page.reload();
    await tab.page.getByTestId('join-room').click();
    const line = await eventually(() => lines.find((text) => text.includes('Joining took')) ?? expect.unreachable());
    expect(line).toMatch(/answer \d+.*ICE \d+.*DTLS \d+.*first packet \d+.*first sound \d+/);
    if (joinCount > 3) console.log(line);
    await hear(tab, speaker.user.id);
    soundAfter.push(Number(/first sound (\d+)/.exec(line)?.[1]));
    expect(calls).toEqual(['room.join', 'media.start']);
    expect(tab.exceptions).toEqual([]);
  }
  const p50 = soundAfter.toSorted((a, b) => a - b)[Math.floor(joinCount / 2)];
  if (joinCount > 3) console.log(`call to first sound, p50 of ${joinCount}: ${p50} ms`);
  expect(p50).toBeLessThan(1_000);
});
