import type { Browser, Page, WebSocketRoute } from 'playwright-core';
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

    await giveRose(ada.page);

    await ada.page.getByTestId('notice').getByText('Not enough coins for this gift.').waitFor();
    expect(server.laravel.balance(poor.id)).toBe(5);
    expect(await grace.page.getByTestId('notice').count()).toBe(0);
  });
});

describe('gifts on a bad network', () => {
  test('a gift whose answer is lost is charged once, though its giver is told of the doubt and sends it again', async () => {
    const roomId = addRoom(server);
    const giver = server.laravel.addUser({ name: 'Ada', balance: 100 });
    await using ada = await visit(browser, server, roomId, { user: giver });
    await using grace = await visit(browser, server, roomId);
    const network = await loseGifts(ada.page, 'answers');

    await giveRose(ada.page);
    await ada.page.getByTestId('notice').getByText(doubt).waitFor();
    await grace.page.getByTestId('gift-event').waitFor();
    await giveRose(ada.page);

    await network.mend();
    await ada.page.getByTestId('notice').getByText('Your gift was given. You have 90 coins left.').waitFor();
    expect(giftsOf(giver.id)).toHaveLength(1);
    // Now that it is answered, the same again is another one.
    await giveRose(ada.page);
    await ada.page.getByTestId('notice').getByText('Your gift was given. You have 80 coins left.').waitFor();
    expect(giftsOf(giver.id)).toHaveLength(2);
    expect(ada.exceptions).toEqual([]);
  });

  test('a gift that never arrived is sent once by the page that is loaded next, which tells its outcome', async () => {
    const roomId = addRoom(server);
    const giver = server.laravel.addUser({ name: 'Ada', balance: 100 });
    await using ada = await visit(browser, server, roomId, { user: giver });
    await using grace = await visit(browser, server, roomId);
    const network = await loseGifts(ada.page, 'calls');

    await giveRose(ada.page);
    await ada.page.getByTestId('notice').getByText(doubt).waitFor();
    expect(giftsOf(giver.id)).toEqual([]);
    await network.mend();
    await ada.page.reload();
    await ada.page.getByTestId('join-room').click();

    await ada.page.getByTestId('notice').getByText('Your gift was given. You have 90 coins left.').waitFor();
    await grace.page.getByTestId('gift-event').waitFor();
    expect(giftsOf(giver.id)).toHaveLength(1);
  });
});

const doubt = 'We do not know yet whether your gift was sent. We will tell you.';

async function giveRose(page: Page): Promise<void> {
  await page.getByTestId('gift-open').click();
  await page.getByTestId('gift-option-2').click();
  await page.getByTestId('gift-send').click();
}

function giftsOf(senderId: number): unknown[] {
  return server.laravel.ledger().filter(({ sender_id }) => sender_id === senderId);
}

/** From now on the page hears nothing of gifts, or the server does not: the messages are lost on the way. */
async function loseGifts(page: Page, what: 'answers' | 'calls'): Promise<{ mend(): Promise<void> }> {
  let isLosing = true;
  const sockets: WebSocketRoute[] = [];
  await page.routeWebSocket(/\/trpc/, (socket) => {
    sockets.push(socket);
    const behind = socket.connectToServer();
    const isLost = (message: string | Buffer): boolean => isLosing && String(message).includes('"transactionId"');
    socket.onMessage((message) => {
      if (what === 'answers' || !isLost(message)) behind.send(message);
    });
    behind.onMessage((message) => {
      if (what === 'calls' || !isLost(message)) socket.send(message);
    });
  });
  // Only sockets that are opened from now on take that way.
  await page.reload();
  await page.getByTestId('join-room').click();
  await page.getByTestId('participant-count').waitFor();
  return {
    async mend() {
      isLosing = false;
      await Promise.all(sockets.map((socket) => socket.close()));
    },
  };
}
