import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NewRoom } from '../../dev/laravel/index.ts';
import { launchBrowser } from '../support/browser.ts';
import { hear } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { takeSeat, visit } from '../support/room-tab.ts';
import { keepConnections, sentPerSecond } from '../support/sent-packets.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** Long enough for DTX to begin, which takes a fifth of a second, and for its keep-alives. */
const countMs = 3_000;

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Packets a second of a speaker in such a room, while speaking and while muted. A listener hears the speech. */
async function measurePackets(settings: Pick<NewRoom, 'opusPtime' | 'opusDtx'>) {
  const roomId = addRoom(server, settings);
  await using listener = await visit(browser, server, roomId);
  await using speaker = await visit(browser, server, roomId);
  await keepConnections(speaker);
  await takeSeat(speaker);
  await hear(listener, speaker.user.id);
  const speaking = await sentPerSecond(speaker, countMs);
  await speaker.page.getByTestId('mute-toggle').click();
  await speaker.page.waitForTimeout(1_000);
  const muted = await sentPerSecond(speaker, countMs);
  return { speaking, muted };
}

test('a speaker sends 50 packets a second by default, in silence too', async () => {
  const { speaking, muted } = await measurePackets({});
  expect(speaking).toBeGreaterThan(45);
  expect(speaking).toBeLessThan(55);
  expect(muted).toBeGreaterThan(45);
});

test.each([
  { opusPtime: 40, packets: 25 },
  { opusPtime: 60, packets: 100 / 6 },
] as const)('in a room of $opusPtime ms a packet, $packets a second', async ({ opusPtime, packets }) => {
  const { speaking } = await measurePackets({ opusPtime });
  expect(speaking).toBeGreaterThan(packets * 0.9);
  expect(speaking).toBeLessThan(packets * 1.1);
});

test('in a room with DTX, hardly any in silence', async () => {
  const { speaking, muted } = await measurePackets({ opusDtx: true });
  expect(speaking).toBeGreaterThan(30);
  expect(muted).toBeLessThan(10);
});
