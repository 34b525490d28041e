/// <reference lib="dom" />
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear } from '../support/hearing.ts';
import { addRoom, enter } from '../support/members.ts';
import { leadThroughRelay } from '../support/relayed-tab.ts';
import { type RoomTab, takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { isMedia } from '../support/udp-relay.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** What this file keeps on a page. */
interface Spied {
  AudioContext: typeof AudioContext;
  context: AudioContext;
}

/** Asks the page why the speaker of the only seat is not heard. */
async function ask({ page }: Pick<RoomTab, 'page'>): Promise<string | null> {
  const panel = page.getByTestId('sound-check');
  if (!(await page.getByTestId('sound-check-ask').isVisible())) await panel.click();
  await page.getByTestId('sound-check-ask').click();
  await page.locator('[data-testid="sound-check-ask"]:enabled').waitFor();
  return page.getByTestId('sound-check-result').getAttribute('data-cause');
}

test('the page says that a speaker is heard, or is muted', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await takeSeat(speaker);
  await hear(listener, speaker.user.id);
  expect(await ask(listener)).toBe('none');
  expect(await ask(speaker)).toBe('none');
  await speaker.page.getByTestId('mute-toggle').click();
  await eventually(async () => expect(await ask(listener)).toBe('muted'));
  expect(await ask(speaker)).toBe('muted');
});

test('the page names a host who has muted the speaker', async () => {
  const owner = server.laravel.addUser({ name: 'Owner' });
  const roomId = addRoom(server, { ownerId: owner.id });
  await using host = await enter(server, roomId, { user: owner });
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await takeSeat(speaker);
  await hear(listener, speaker.user.id);
  await host.trpc.seat.mute.mutate({ roomId, userId: speaker.user.id });
  await eventually(async () => expect(await ask(listener)).toBe('mutedByHost'));
  expect(await ask(speaker)).toBe('mutedByHost');
});

test('the page names a network that loses the packets on their way to it', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await takeSeat(speaker);
  await using network = await leadThroughRelay(listener);
  await hear(listener, speaker.user.id);
  network.lose(isMedia);
  await eventually(async () => expect(await ask(listener)).toBe('noPacketsToListener'));
  network.lose(() => false);
  await eventually(async () => expect(await ask(listener)).toBe('none'));
});

test('the page names its own sound, when the browser withholds it', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await takeSeat(speaker);
  // Without a window Chromium plays without a gesture, so the context is brought by hand to where that would leave it.
  await listener.page.addInitScript(() => {
    const spied = globalThis as unknown as Spied;
    spied.AudioContext = class extends AudioContext {
      constructor(options?: AudioContextOptions) {
        super(options);
        spied.context = this;
      }
    };
  });
  await listener.page.reload();
  await listener.page.getByTestId('join-room').click();
  await hear(listener, speaker.user.id);
  await listener.page.evaluate(() => (globalThis as unknown as Spied).context.suspend());
  expect(await ask(listener)).toBe('autoplayBlocked');
  await listener.page.getByTestId('unlock-audio').click();
  await hear(listener, speaker.user.id);
  expect(await ask(listener)).toBe('none');
});

test('a speaker is told that the microphone was taken, and the others that it is silent', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await speaker.page.evaluate(() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      // As the operating system says it when a phone call comes.
      const [track] = stream.getAudioTracks();
      if (track) {
        track.enabled = false;
        Object.defineProperty(track, 'muted', { value: true });
        Object.defineProperty(track, 'enabled', { value: false, writable: true });
      }
      return stream;
    };
  });
  await takeSeat(speaker);
  await eventually(async () => expect(await ask(speaker)).toBe('microphoneInterrupted'));
  await eventually(async () => expect(await ask(listener)).toBe('silence'));
});
