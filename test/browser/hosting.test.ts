import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, isSilent, listenDuring, measure, silenceAfter } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import {
  choose,
  listener,
  readChat,
  type RoomTab,
  say,
  seatsOf,
  takeSeat,
  visit,
  waitForEnd,
} from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/*
 * Rooms as hosts run them. Every host action happens by the page's own controls and without a reload.
 */

/** How soon a host's decision must be heard, ms. */
const promptly = 1_000;

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** The owner of a new room in a tab. */
async function openHosted(room: Parameters<typeof addRoom>[1] = {}): Promise<RoomTab> {
  const user = server.laravel.addUser({ name: 'Hannah' });
  return visit(browser, server, addRoom(server, { ...room, ownerId: user.id }), { user });
}

function roomOf({ page }: RoomTab): string {
  return new URL(page.url()).pathname.split('/').at(-1)!;
}

test('a host invites a listener, who speaks; the host mutes, and the speaker is told why', async () => {
  await using host = await openHosted({ seatMode: 'apply' });
  await using guest = await visit(browser, server, roomOf(host));
  await using other = await visit(browser, server, roomOf(host));
  const { id } = guest.user;

  await choose(host, listener(host, id), 'invite');
  await guest.page.getByTestId('invitation').getByText('Hannah invites you to speak').waitFor();
  await eventually(async () => {
    const seconds = Number(await guest.page.getByTestId('invitation-seconds').getAttribute('data-seconds'));
    expect(seconds).toBeGreaterThan(20);
    expect(seconds).toBeLessThanOrEqual(30);
  });
  await guest.page.getByTestId('invitation-accept').click();
  await Promise.all([hear(host, id), hear(other, id)]);

  await seatsOf(host, id).click();
  const toSilence = await silenceAfter(other, id, () => host.page.getByTestId('action-mute').click());
  expect(toSilence).toBeLessThan(promptly);
  await guest.page.getByTestId('muted-by-host').waitFor();
  // The button is there and explains; it does not lift the mute.
  const toggle = guest.page.getByTestId('mute-toggle');
  expect(await toggle.textContent()).toContain('Muted by a host');
  const attempted = await listenDuring(other, id, async () => {
    await toggle.click();
    await guest.page.getByTestId('notice').getByText('Only a host can undo that').waitFor();
    await guest.page.waitForTimeout(700);
  });
  expect(attempted).toSatisfy(isSilent);
  expect(await seatsOf(other, id).getAttribute('aria-label')).toMatch(/muted by a host/);

  await choose(host, seatsOf(host, id), 'unmute');
  await guest.page.getByTestId('muted-by-host').waitFor({ state: 'detached' });
  // Nobody is put on air by somebody else.
  expect(await toggle.getAttribute('data-muted')).toBe('true');
  await toggle.click();
  await hear(other, id);

  await choose(host, seatsOf(host, id), 'removeFromSeat');
  await guest.page.getByTestId('notice').getByText('A host has made you a listener.').waitFor();
  await guest.page.getByTestId('raise-hand').waitFor();
  expect([host, guest, other].flatMap(({ exceptions }) => exceptions)).toEqual([]);
});

test('a raised hand is approved and heard; a second one is taken down again', async () => {
  await using host = await openHosted({ seatMode: 'apply' });
  await using asking = await visit(browser, server, roomOf(host));
  await using patient = await visit(browser, server, roomOf(host));
  const { id } = asking.user;

  await asking.page.getByTestId('raise-hand').click();
  await asking.page.getByTestId('hand-raised').getByText('You are next').waitFor();
  await patient.page.getByTestId('raise-hand').click();
  await patient.page.getByTestId('hand-raised').getByText('1 before you').waitFor();
  await host.page.getByTestId('announcement').getByText('raised a hand').waitFor();

  await host.page.getByTestId(`approve-${id}`).click();
  const toggle = asking.page.getByTestId('mute-toggle');
  await toggle.getByText('Unmute').click();
  await Promise.all([hear(host, id), hear(patient, id)]);
  await patient.page.getByTestId('hand-raised').getByText('You are next').waitFor();

  await host.page.getByTestId(`reject-${patient.user.id}`).click();
  await patient.page.getByTestId('raise-hand').waitFor();
  await host.page.getByTestId('request-queue').waitFor({ state: 'detached' });
});

test('whoever is banned is told so, is neither heard nor hears, and does not get in again', async () => {
  await using host = await openHosted();
  await using guest = await visit(browser, server, roomOf(host));
  await takeSeat(host);
  await takeSeat(guest);
  await Promise.all([hear(host, guest.user.id), hear(guest, host.user.id)]);

  await choose(host, seatsOf(host, guest.user.id), 'ban');
  await host.page.getByTestId('ban-for-600').click();
  await host.page.getByTestId('ban-reason').fill('Shouting');
  const toSilence = await silenceAfter(host, guest.user.id, () => host.page.getByTestId('ban-submit').click());
  expect(toSilence).toBeLessThan(promptly);
  await waitForEnd(guest, 'banned');
  await guest.page.getByText('You are banned from this room').waitFor();
  expect(await measure(guest, host.user.id)).toBeNull();

  await guest.page.reload();
  await guest.page.getByTestId('join-room').click();
  await waitForEnd(guest, 'banned');
  await guest.page.getByText('Reason: “Shouting”').waitFor();
  await guest.page.getByTestId('join-room').click();
  await waitForEnd(guest, 'banned');

  await host.page.getByTestId('settings-open').click();
  const ban = host.page.getByTestId(`ban-${guest.user.id}`);
  await ban.getByText('Shouting').waitFor();
  await host.page.getByTestId(`unban-${guest.user.id}`).click();
  await ban.waitFor({ state: 'detached' });
  await guest.page.getByTestId('join-room').click();
  await guest.page.getByTestId('participant-count').waitFor();
});

test('a second tab takes over, and the first one says so', async () => {
  const roomId = addRoom(server);
  await using first = await visit(browser, server, roomId);
  await takeSeat(first);
  await using second = await visit(browser, server, roomId, { user: first.user });
  await waitForEnd(first, 'replaced');
  await second.page.getByTestId('mute-toggle').waitFor();

  await first.page.getByTestId('join-room').getByText('Use it here').click();
  await first.page.getByTestId('mute-toggle').waitFor();
  await waitForEnd(second, 'replaced');
});

test('seats, their number and the mode change for everybody at once; members have no such controls', async () => {
  await using host = await openHosted({ seatCount: 4 });
  await using guest = await visit(browser, server, roomOf(host));
  for (const control of ['settings-open', 'request-queue', 'chat-more']) {
    expect(await guest.page.getByTestId(control).count()).toBe(0);
  }
  expect(await listener(guest, host.user.id).evaluate(({ tagName }) => tagName)).toBe('SPAN');

  await choose(host, host.page.getByTestId('seat-0'), 'lock');
  await guest.page.locator('[data-testid="seat-0"][data-locked="true"]').waitFor();
  await guest.page.getByTestId('seat-0').click();
  await guest.page.getByTestId('notice').getByText('That seat is locked.').waitFor();

  // A free seat is taken by a press, and another press moves.
  await guest.page.getByTestId('seat-1').click();
  await guest.page.getByTestId('mute-toggle').waitFor();
  await guest.page.getByTestId('seat-3').click();
  await eventually(async () => expect(await seatsOf(host, guest.user.id).getAttribute('data-testid')).toBe('seat-3'));

  await host.page.getByTestId('settings-open').click();
  await host.page.getByTestId('seats-less').click();
  await guest.page.getByTestId('take-seat').waitFor();
  expect(await guest.page.getByTestId('seat-3').count()).toBe(0);
  await host.page.getByTestId('seat-mode-apply').click();
  await guest.page.getByTestId('raise-hand').waitFor();

  await host.page.getByTestId('close-room').click();
  await host.page.getByTestId('close-reason').fill('Good night');
  await host.page.getByTestId('close-confirm').click();
  await waitForEnd(guest, 'roomClosed');
  await guest.page.getByText('Good night').waitFor();
  await waitForEnd(host, 'roomClosed');
});

test('answers, deleted messages, slow mode, a muted chatter, reactions, and whoever is kicked', async () => {
  await using host = await openHosted();
  await using guest = await visit(browser, server, roomOf(host));
  const { page } = guest;
  const message = (tab: RoomTab, text: string) =>
    tab.page.getByTestId('chat-message').filter({ has: tab.page.getByTestId('chat-text').getByText(text) });

  await say(guest, 'What is your favourite colour?');
  await message(host, 'favourite').hover();
  await message(host, 'favourite').getByTestId('chat-reply').click();
  await say(host, 'Green');
  const quote = message(guest, 'Green').getByTestId('chat-quote');
  await quote.getByText('What is your favourite colour?').waitFor();
  await message(host, 'favourite').hover();
  await choose(host, message(host, 'favourite').getByTestId('chat-more'), 'delete');
  await eventually(async () => expect(await readChat(guest)).toEqual([{ sender: 'Hannah', text: 'Green' }]));
  expect(await quote.innerText()).toBe('Somebody Message deleted');

  await page.getByTestId('react-open').click();
  await page.getByTestId('react-heart').click();
  await host.page.getByTestId('reaction').first().waitFor({ state: 'attached' });

  await host.page.getByTestId('settings-open').click();
  await host.page.getByTestId('slow-mode-select').selectOption('60');
  await host.page.keyboard.press('Escape');
  await page.getByTestId('slow-mode').waitFor();
  await page.keyboard.press('Escape');
  await say(guest, 'Slowly');
  await eventually(async () => {
    expect(Number(await page.getByTestId('slow-mode').getAttribute('data-seconds'))).toBeGreaterThan(0);
  });
  await page.getByTestId('chat-input').fill('Too fast');
  await page.keyboard.press('Enter');
  expect(await page.getByTestId('chat-input').inputValue()).toBe('Too fast');
  await host.page.getByTestId('settings-open').click();
  await host.page.getByTestId('slow-mode-select').selectOption('0');
  await host.page.keyboard.press('Escape');
  await page.getByTestId('slow-mode').waitFor({ state: 'detached' });
  await page.getByTestId('chat-send').click();
  await eventually(async () => expect((await readChat(host)).at(-1)?.text).toBe('Too fast'));

  await choose(host, listener(host, guest.user.id), 'muteChat');
  await page.getByTestId('chat-muted').waitFor();
  await choose(host, listener(host, guest.user.id), 'unmuteChat');
  await page.getByTestId('chat-input').waitFor();

  await choose(host, listener(host, guest.user.id), 'kick');
  await waitForEnd(guest, 'kicked');
  await page.getByTestId('join-room').click();
  await page.getByTestId('participant-count').waitFor();
  expect([host, guest].flatMap(({ exceptions }) => exceptions)).toEqual([]);
});
