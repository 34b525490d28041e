import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findOutOfView, findSmallTargets, listControls, scrollsSideways, tabTo } from '../support/accessibility.ts';
import { launchBrowser, openTab, outputDirectory } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, hearSilence } from '../support/hearing.ts';
import { addRoom, enter } from '../support/members.ts';
import { choose, listener, readChat, say, seatsOf, takeSeat, visit, waitForEnd } from '../support/room-tab.ts';
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

const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 800 } };
const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  screen: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
};

test('everything can be done with the keyboard alone', async () => {
  const roomId = addRoom(server, { title: 'Keyboards' });
  await using listener = await visit(browser, server, roomId);
  const user = server.laravel.addUser({ name: 'Ada' });
  await using ada = await openTab(browser, { url: server.url, token: user.token, path: `/rooms/${roomId}` });
  const { page } = ada;
  const { keyboard } = page;

  await page.getByTestId('join-room').waitFor();
  await tabTo(page, 'join-room');
  await keyboard.press('Enter');
  await page.getByTestId('take-seat').waitFor();

  await tabTo(page, 'take-seat');
  await keyboard.press('Space');
  await page.getByTestId('mute-toggle').waitFor();
  await hear(listener, user.id);

  await tabTo(page, 'mute-toggle');
  await keyboard.press('Space');
  await hearSilence(listener, user.id);

  await tabTo(page, 'chat-input');
  await keyboard.type('typed');
  await keyboard.press('Enter');
  await eventually(async () => expect(await readChat(listener)).toEqual([{ sender: 'Ada', text: 'typed' }]));

  await tabTo(page, 'gift-open');
  await keyboard.press('Enter');
  await page.getByTestId('gift-recipient').waitFor();
  await tabTo(page, 'gift-quantity');
  await keyboard.press('Escape');
  await page.getByTestId('gift-recipient').waitFor({ state: 'hidden' });

  await tabTo(page, 'leave-room');
  await keyboard.press('Enter');
  await page.getByTestId('signed-in-as').waitFor();
  await seatsOf(listener, user.id).waitFor({ state: 'detached' });
});

test.for([
  { name: 'desktop', context: desktop },
  { name: 'phone', context: phone },
])('on a $name every control has a name, is in view and can be hit', async ({ name, context }) => {
  const roomId = addRoom(server, { title: 'The Living Room' });
  // Seats, listeners and messages enough to fill a page.
  await using ada = await visit(browser, server, roomId, { user: server.laravel.users[0]! });
  await takeSeat(ada);
  await using crowd = new AsyncDisposableStack();
  for (const listener of ['Linus', 'Barbara', 'Edsger Wybe Dijkstra', 'Margaret', 'Ken']) {
    crowd.use(await enter(server, roomId, { user: server.laravel.addUser({ name: listener }) }));
  }
  await say(ada, 'Can everybody hear me?');
  await say(ada, `A long word breaks: ${'abcdefghij'.repeat(12)}`);

  const user = server.laravel.addUser({ name: 'Grace' });
  await using tab = await openTab(browser, { url: server.url, token: user.token, context });
  const { page } = tab;
  const look = {
    checkLayout: () => checkLayout(page),
    photograph: (what: string) => photograph(page, `${what}-${name}`),
  };
  await page.getByTestId('signed-in-as').getByText('Grace').waitFor();
  await page.getByTestId('join-room').first().waitFor();
  await look.checkLayout();
  await look.photograph('lobby');

  await page.goto(`${server.url}/rooms/${roomId}?debug=1`);
  await page.getByTestId('join-room').click();
  await takeSeat(tab);
  await say(tab, 'Loud and clear!');
  await page.getByTestId('mute-toggle').click();
  await eventually(async () => expect(await seatsOf(tab, ada.user.id).getAttribute('data-speaking')).toBe('true'));
  await look.checkLayout();
  const controls = ['leave-room', 'mute-toggle', 'leave-seat', 'gift-open', 'chat-input', 'chat-send'];
  expect(await findOutOfView(page, controls)).toEqual([]);
  await look.photograph('room');

  await page.getByTestId('gift-open').click();
  await page.getByTestId('gift-option-2').click();
  await look.checkLayout();
  expect(await findOutOfView(page, ['gift-recipient', 'gift-quantity', 'gift-send'])).toEqual([]);
  await look.photograph('gift');
  expect(tab.exceptions).toEqual([]);
});

test.for([
  { name: 'desktop', context: desktop },
  { name: 'phone', context: phone },
])('on a $name the views of hosts, and of those they act on, are in order', async ({ name, context }) => {
  const hostUser = server.laravel.addUser({ name: 'Hannah' });
  const roomId = addRoom(server, { title: 'The Town Hall', ownerId: hostUser.id, seatMode: 'apply' });
  await using host = await visit(browser, server, roomId, { user: hostUser, context });
  await takeSeat(host);
  await using crowd = new AsyncDisposableStack();
  const people = ['Linus', 'Barbara', 'Edsger Wybe Dijkstra', 'Margaret', 'Ken'];
  for (const [index, person] of people.entries()) {
    const member = crowd.use(await enter(server, roomId, { user: server.laravel.addUser({ name: person }) }));
    if (index < 3) await member.trpc.seat.request.mutate({ roomId });
    await member.trpc.chat.send.mutate({ roomId, content: `${person} says hello` });
  }
  const guestUser = server.laravel.addUser({ name: 'Grace' });
  await using guest = await visit(browser, server, roomId, { user: guestUser, context });
  const { id } = guestUser;
  const inOrder = async ({ page }: { page: Page }, what: string): Promise<void> => {
    await checkLayout(page);
    await photograph(page, `${what}-${name}`);
  };

  await choose(host, host.page.getByTestId('seat-4'), 'lock');
  await guest.page.getByTestId('raise-hand').click();
  await guest.page.getByTestId('hand-raised').waitFor();
  await inOrder(guest, 'hand-raised');
  await guest.page.getByTestId('lower-hand').click();
  await choose(host, listener(host, id), 'invite');
  await guest.page.getByTestId('invitation').waitFor();
  await inOrder(guest, 'invited');
  await guest.page.getByTestId('invitation-accept').click();
  await guest.page.getByTestId('mute-toggle').waitFor();
  await choose(host, seatsOf(host, id), 'mute');
  await guest.page.getByTestId('muted-by-host').waitFor();
  await inOrder(guest, 'muted-by-host');

  await seatsOf(host, id).click();
  await host.page.getByTestId('action-unmute').waitFor();
  await inOrder(host, 'host-menu');
  await host.page.keyboard.press('Escape');
  await host.page.getByTestId('settings-open').click();
  await inOrder(host, 'host-settings');
  await host.page.keyboard.press('Escape');

  await choose(host, seatsOf(host, id), 'ban');
  await inOrder(host, 'host-ban');
  await host.page.getByTestId('ban-submit').click();
  await waitForEnd(guest, 'banned');
  await inOrder(guest, 'banned');
  await using elsewhere = await visit(browser, server, roomId, { user: hostUser, context });
  await waitForEnd(host, 'replaced');
  await inOrder(host, 'replaced');
  expect([host, guest, elsewhere].flatMap(({ exceptions }) => exceptions)).toEqual([]);
});

test('a host menu is used with the keyboard, and gives the focus back', async () => {
  const user = server.laravel.addUser({ name: 'Hannah' });
  const roomId = addRoom(server, { ownerId: user.id });
  await using host = await visit(browser, server, roomId, { user });
  await using guest = await visit(browser, server, roomId);
  const { page } = host;
  const { keyboard } = page;
  const focused = () => page.evaluate<string | null>("document.activeElement?.getAttribute('data-testid')");
  const chip = `member-${guest.user.id}`;

  await tabTo(page, chip);
  await keyboard.press('Enter');
  await eventually(async () => expect(await focused()).toBe('action-gift'));
  await keyboard.press('ArrowUp');
  expect(await focused()).toBe('action-ban');
  await keyboard.press('Home');
  await keyboard.press('ArrowDown');
  expect(await focused()).toBe('action-invite');
  await keyboard.press('Escape');
  await eventually(async () => expect(await focused()).toBe(chip));

  await keyboard.press('Enter');
  await eventually(async () => expect(await focused()).toBe('action-gift'));
  await keyboard.press('ArrowDown');
  await keyboard.press('Enter');
  // No button has the focus when the invitation comes: a key that is being typed must not accept it.
  await guest.page.getByTestId('invitation').waitFor();
  expect(await guest.page.evaluate<string>('document.activeElement.tagName')).toBe('H2');
  await guest.page.keyboard.press('Escape');
  await page.getByTestId('notice').getByText('declined your invitation').waitFor();
});

/** Photographs a page in light and dark. */
async function photograph(page: Page, what: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(outputDirectory, `${what}-${colorScheme}.png`), animations: 'disabled' });
  }
}

/** Every control has a name and can be hit, and nothing is wider than the window. */
async function checkLayout(page: Page): Promise<void> {
  expect((await listControls(page)).filter((control) => control.name === '')).toEqual([]);
  expect(await scrollsSideways(page)).toBe(false);
  expect(await findSmallTargets(page)).toEqual([]);
}
