import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom } from '../support/members.ts';
import { readChat, say, visit } from '../support/room-tab.ts';
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

test('a message is shown to everybody with its sender, and to who comes later as well', async () => {
  const roomId = addRoom(server);
  const sender = server.laravel.addUser({ name: 'Ada Lovelace' });
  await using ada = await visit(browser, server, roomId, { user: sender });
  await using reader = await visit(browser, server, roomId);
  const text = 'Hello <b>room</b> 👋';
  await say(ada, text);

  const shown = [{ sender: 'Ada Lovelace', text }];
  await eventually(async () => expect(await readChat(reader)).toEqual(shown));
  expect(await readChat(ada)).toEqual([{ sender: 'You', text }]);

  await using later = await visit(browser, server, roomId);
  await eventually(async () => expect(await readChat(later)).toEqual(shown));
});

describe.concurrent('gifts', () => {
  test('a gift flies over every page, is charged once, and the giver learns what is left', async () => {
    const roomId = addRoom(server);
    const [giver, receiver] = [
      server.laravel.addUser({ name: 'Ada', balance: 100 }),
      server.laravel.addUser({ name: 'Grace' }),
    ];
    await using ada = await visit(browser, server, roomId, { user: giver });
    await using grace = await visit(browser, server, roomId, { user: receiver });
    await using witness = await visit(browser, server, roomId);

    await ada.page.getByTestId('gift-open').click();
    await ada.page.getByTestId('gift-recipient').selectOption({ label: 'Grace' });
    await ada.page.getByTestId('gift-option-2').click();
    await ada.page.getByTestId('gift-quantity').fill('3');
    const offer = ada.page.getByTestId('gift-send');
    expect(await offer.textContent()).toContain('Send for 30 coins');
    // The picture pops up (Vue adds to the name of a component's own animation). An animation is over too soon to be looked for afterwards.
    const animated = [ada, grace, witness].map(({ page }) =>
      page.waitForFunction('document.getAnimations().some(({ animationName }) => /^pop/.test(animationName))'),
    );
    await offer.click();
    await Promise.all(animated);

    for (const [tab, sentence] of [
      [grace, 'Ada gave you Rose'],
      [witness, 'Ada gave Grace Rose'],
      [ada, 'Ada gave Grace Rose'],
    ] as const) {
      const gift = tab.page.getByTestId('gift-event');
      await gift.waitFor();
      expect((await gift.innerText()).replaceAll(/\s+/g, ' ')).toContain(`${sentence} ×3`);
    }
    await ada.page.getByTestId('notice').getByText('Your gift was given. You have 70 coins left.').waitFor();
    expect(server.laravel.balance(giver.id)).toBe(70);
    expect(server.laravel.ledger().filter(({ sender_id }) => sender_id === giver.id)).toHaveLength(1);
    // And it goes by itself.
    await witness.page.getByTestId('gift-event').waitFor({ state: 'detached' });
  });

  test('a gift that cannot be paid for is explained in plain words, and nobody else sees a refusal', async () => {
    const roomId = addRoom(server);
    const poor = server.laravel.addUser({ name: 'Ada', balance: 5 });
    await using ada = await visit(browser, server, roomId, { user: poor });
    await using grace = await visit(browser, server, roomId);

    await ada.page.getByTestId('gift-open').click();
    await ada.page.getByTestId('gift-option-2').click();
    await ada.page.getByTestId('gift-send').click();

    await ada.page.getByTestId('notice').getByText('Not enough coins for this gift.').waitFor();
    expect(server.laravel.balance(poor.id)).toBe(5);
    expect(await grace.page.getByTestId('notice').count()).toBe(0);
  });
});
