import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findOutOfView, findSmallTargets, listControls, scrollsSideways, tabTo } from '../support/accessibility.ts';
import { launchBrowser, openTab, outputDirectory } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, hearSilence } from '../support/hearing.ts';
import { addRoom, enter } from '../support/members.ts';
import { readChat, say, seatsOf, takeSeat, visit } from '../support/room-tab.ts';
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
  const photograph = async (what: string): Promise<void> => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: join(outputDirectory, `${what}-${name}-${colorScheme}.png`),
        animations: 'disabled',
      });
    }
  };
  const checkLayout = async (): Promise<void> => {
    expect((await listControls(page)).filter((control) => control.name === '')).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    expect(await findSmallTargets(page)).toEqual([]);
  };

  await page.getByTestId('signed-in-as').getByText('Grace').waitFor();
  await page.getByTestId('join-room').first().waitFor();
  await checkLayout();
  await photograph('lobby');

  await page.goto(`${server.url}/rooms/${roomId}?debug=1`);
  await page.getByTestId('join-room').click();
  await takeSeat(tab);
  await say(tab, 'Loud and clear!');
  await page.getByTestId('mute-toggle').click();
  await eventually(async () => expect(await seatsOf(tab, ada.user.id).getAttribute('data-speaking')).toBe('true'));
  await checkLayout();
  const controls = ['leave-room', 'mute-toggle', 'leave-seat', 'gift-open', 'chat-input', 'chat-send'];
  expect(await findOutOfView(page, controls)).toEqual([]);
  await photograph('room');

  await page.getByTestId('gift-open').click();
  await page.getByTestId('gift-option-2').click();
  await checkLayout();
  expect(await findOutOfView(page, ['gift-recipient', 'gift-quantity', 'gift-send'])).toEqual([]);
  await photograph('gift');
  expect(tab.exceptions).toEqual([]);
});
