import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NewRoom } from '../../dev/laravel/index.ts';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
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

/**
 * Has somebody speak in such a room, heard by a listener, and then mute.
 *
 * @param rate - what is expected of the packets a second: while speaking, and while muted
 */
async function expectPackets(settings: Pick<NewRoom, 'opusPtime' | 'opusDtx'>, rate: { speaking: Rate; muted?: Rate }) {
  const roomId = addRoom(server, settings);
  await using listener = await visit(browser, server, roomId);
  await using speaker = await visit(browser, server, roomId);
  await keepConnections(speaker);
  await takeSeat(speaker);
  await hear(listener, speaker.user.id);
  // An encoder that the machine kept waiting makes up for it in the next count, which is then too high.
  const count = (expected: Rate) =>
    eventually(async () => expected(await sentPerSecond(speaker, countMs)), 5 * countMs);
  await count(rate.speaking);
  if (!rate.muted) return;
  await speaker.page.getByTestId('mute-toggle').click();
  await speaker.page.waitForTimeout(1_000);
  await count(rate.muted);
}

type Rate = (packets: number) => void;

const about =
  (expected: number): Rate =>
  (packets) => {
    expect(packets).toBeGreaterThan(expected * 0.9);
    expect(packets).toBeLessThan(expected * 1.1);
  };

test('a speaker sends 50 packets a second by default, in silence too', async () => {
  await expectPackets({}, { speaking: about(50), muted: about(50) });
});

test.each([
  { opusPtime: 40, packets: 25 },
  { opusPtime: 60, packets: 100 / 6 },
] as const)('in a room of $opusPtime ms a packet, $packets a second', async ({ opusPtime, packets }) => {
  await expectPackets({ opusPtime }, { speaking: about(packets) });
});

test('in a room with DTX, hardly any in silence', async () => {
  await expectPackets(
    { opusDtx: true },
    {
      speaking: (packets) => expect(packets).toBeGreaterThan(30),
      muted: (packets) => expect(packets).toBeLessThan(10),
    },
  );
});
