/// <reference lib="dom" />
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, hearSilence, isSilent, listenDuring, measure } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { seatsOf, takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

test('a speaker is heard by who was there before and by who comes later', async () => {
  const roomId = addRoom(server);
  await using before = await visit(browser, server, roomId);
  await using speaker = await visit(browser, server, roomId);
  const { id } = speaker.user;
  expect(await measure(before, id)).toBeNull();

  await takeSeat(speaker);
  await hear(before, id);

  await using later = await visit(browser, server, roomId);
  await hear(later, id);
  for (const tab of [before, later]) {
    // The levels that the server measures make the seat glow.
    await eventually(async () => {
      expect(await seatsOf(tab, id).getAttribute('data-speaking')).toBe('true');
    });
  }
  // Nobody hears themselves.
  expect(await measure(speaker, id)).toBeNull();
  expect([before, speaker, later].flatMap(({ exceptions }) => exceptions)).toEqual([]);
});

test('two speakers hear each other, and a listener hears both', async () => {
  const roomId = addRoom(server);
  await using ada = await visit(browser, server, roomId);
  await using grace = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await takeSeat(ada);
  await takeSeat(grace);

  await Promise.all([
    hear(ada, grace.user.id),
    hear(grace, ada.user.id),
    hear(listener, ada.user.id),
    hear(listener, grace.user.id),
  ]);
});

test('a muted speaker is silent, and is heard again after that', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  const { id } = speaker.user;
  await takeSeat(speaker);
  await hear(listener, id);

  const toggle = speaker.page.getByTestId('mute-toggle');
  await toggle.click();
  await hearSilence(listener, id);
  // Twice the window of a measurement.
  const muted = await listenDuring(listener, id, () => listener.page.waitForTimeout(1_400));
  expect(muted).toSatisfy(isSilent);
  await eventually(async () => {
    expect(await seatsOf(listener, id).getAttribute('aria-label')).toMatch(/muted/);
  });

  await toggle.click();
  await hear(listener, id);
});

/** The part of the SDK that `?debug=1` shows, and what the next test keeps on a page. */
interface DebugPage {
  readonly __flylive: { takeSeat(): Promise<number>; leaveSeat(): Promise<void> };
  opened: MediaStreamTrack[];
}

test('a microphone is opened once for two claims at a time, and given back with the seat', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await speaker.page.evaluate(async () => {
    const page = globalThis as unknown as DebugPage;
    page.opened = [];
    const { mediaDevices } = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await open(constraints);
      page.opened.push(...stream.getAudioTracks());
      return stream;
    };
    await Promise.allSettled([page.__flylive.takeSeat(), page.__flylive.takeSeat()]);
  });
  await hear(listener, speaker.user.id);
  const states = () =>
    speaker.page.evaluate(() => (globalThis as unknown as DebugPage).opened.map(({ readyState }) => readyState));
  expect(await states()).toEqual(['live']);
  await speaker.page.evaluate(() => (globalThis as unknown as DebugPage).__flylive.leaveSeat());
  expect(await states()).toEqual(['ended']);
});
