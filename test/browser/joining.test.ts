/// <reference lib="dom" />
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ClientProcess } from '../../src/cli/load-test/client-process.ts';
import { launchBrowser, openTab } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** JOINS=20 measures; a few show that it works. */
const joinCount = Number(process.env['JOINS'] ?? 3);

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Fifteen speakers, of whom one talks at a time, in a process of their own, so that they cost what is measured little. */
async function seatSpeakers(roomId: string): Promise<void> {
  const token = () => server.laravel.addUser({ name: 'Speaker' }).token;
  const speakers = await ClientProcess.start({
    url: server.url,
    allowRemote: false,
    talk: 'conversation',
    packetTime: 20,
    dtx: false,
    parallel: 5,
    speakers: Array.from({ length: 15 }, () => ({ token: token(), roomId })),
    listeners: [],
  });
  onTestFinished(() => speakers[Symbol.dispose]());
  expect((await speakers.join('speak')).failures).toEqual({});
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

const contextMade = 'AudioContext made';

/** Has the page say on its console when it makes an AudioContext: the first of a browser takes it 0.2 s and more. */
async function watchContexts(page: Page): Promise<void> {
  await page.addInitScript((line) => {
    globalThis.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options);
        console.debug(line);
      }
    };
  }, contextMade);
}

test('fifteen speakers are heard after two calls', async () => {
  const roomId = addRoom(server, { seatCount: 15 });
  await seatSpeakers(roomId);

  const soundAfter: number[] = [];
  for (let join = 0; join < joinCount; join += 1) {
    const user = server.laravel.addUser({ name: 'Somebody' });
    await using tab = await openTab(browser, { url: server.url, token: user.token, path: `/rooms/${roomId}` });
    const lines: string[] = [];
    const calls = watchCalls(tab.page);
    tab.page.on('console', (message) => lines.push(message.text()));
    await watchContexts(tab.page);
    // It is watched from the start this time.
    await tab.page.reload();
    await eventually(() => expect(lines).toContain(contextMade));
    await tab.page.getByTestId('join-room').click();
    const line = await eventually(() => lines.find((text) => text.includes('Joining took')) ?? expect.unreachable());
    // A browser that is kept waiting may tell of the steps in between too late.
    expect(line).toMatch(/answer \d+, ICE (\d+|-), DTLS (\d+|-), first packet (\d+|-), first sound \d+/);
    if (joinCount > 3) console.log(line);
    soundAfter.push(Number(/first sound (\d+)/.exec(line)?.[1]));
    expect(calls).toEqual(['room.join', 'media.start']);
    expect(lines.filter((text) => text === contextMade)).toHaveLength(1);
    expect(tab.exceptions).toEqual([]);
  }
  const p50 = soundAfter.toSorted((a, b) => a - b)[Math.floor(joinCount / 2)];
  console.log(`call to first sound, p50 of ${joinCount}: ${p50} ms`);
});
