import { type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import { eventually } from './eventually.ts';
import { openTab, type Tab } from './browser.ts';
import type { TestServer } from './server.ts';

/*
 * What a person does and sees in a tab of the client, by the `data-testid`s of its components.
 */

/** One line of the chat as a page shows it. */
export interface ShownMessage {
  /** A name, or `You`. */
  readonly sender: string;
  readonly text: string;
}

export interface VisitOptions {
  /** A new user called Somebody by default. */
  readonly user?: UserWithToken;
  /** A hop in front of the server. */
  readonly url?: string;
  readonly context?: BrowserContextOptions;
  /** See `TabOptions.prepare`. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** A tab with a user in a room. */
export interface RoomTab extends Tab {
  readonly user: UserWithToken;
}

/** Opens the room's address in a tab, signed in, and joins. */
export async function visit(
  browser: Browser,
  server: TestServer,
  roomId: string,
  { user = server.laravel.addUser({ name: 'Somebody' }), url = server.url, context = {}, prepare }: VisitOptions = {},
): Promise<RoomTab> {
  const prepared = prepare === undefined ? {} : { prepare };
  const tab = await openTab(browser, { url, token: user.token, path: `/rooms/${roomId}`, context, ...prepared });
  try {
    await tab.page.getByTestId('join-room').click();
    await tab.page.getByTestId('participant-count').waitFor();
    return { ...tab, user, [Symbol.asyncDispose]: () => tab[Symbol.asyncDispose]() };
  } catch (error) {
    await tab[Symbol.asyncDispose]();
    throw error;
  }
}

/** Takes the first free seat and waits until the page shows it. */
export async function takeSeat({ page }: Tab): Promise<void> {
  await page.getByTestId('take-seat').click();
  await page.getByTestId('mute-toggle').waitFor();
}

/** As a host: opens the menu on somebody (a seat, a name, a message) and chooses. */
export async function choose({ page }: Tab, opener: Locator, action: string): Promise<void> {
  await opener.click();
  await page.getByTestId(`action-${action}`).click();
}

/** The name of a listener, which opens a menu for a host. */
export function listener({ page }: Tab, userId: number): Locator {
  return page.getByTestId(`member-${userId}`);
}

/** Waits until the page says that the room is over, and why. */
export async function waitForEnd({ page }: Tab, reason: string): Promise<void> {
  await page.locator(`[data-testid="room-over"][data-reason="${reason}"]`).waitFor();
}

/** Writes a line in the chat without waiting for it to be sent. */
export async function write({ page }: Tab, text: string): Promise<void> {
  await page.getByTestId('chat-input').fill(text);
  await page.getByTestId('chat-send').click();
}

/** Writes a line that nobody has written before in the chat, and waits until the own page shows it. */
export async function say(tab: Tab, text: string): Promise<void> {
  await write(tab, text);
  await tab.page.getByTestId('chat-text').getByText(text, { exact: true }).waitFor();
}

/** The chat as the page shows it, oldest first. */
export async function readChat({ page }: Tab): Promise<ShownMessage[]> {
  const [senders, texts] = await Promise.all([
    page.getByTestId('chat-sender').allTextContents(),
    page.getByTestId('chat-text').allTextContents(),
  ]);
  return texts.map((text, index) => ({ sender: senders[index] ?? '', text }));
}

/** What the page says of its connection: `connected`, `reconnecting`, `ended`, ... */
export function connectionState({ page }: Tab): Promise<string | null> {
  return page.getByTestId('connection-state').getAttribute('data-state');
}

/** Waits longer than the 15 s that a page may let pass between two attempts to connect. */
export async function waitForConnection(tab: Tab, wanted: string): Promise<void> {
  await eventually(async () => {
    const state = await connectionState(tab);
    if (state !== wanted) throw new Error(`The page says "${state}" and not "${wanted}"`);
  }, 20_000);
}

/** The seats that the page shows as taken by a user. */
export function seatsOf({ page }: Tab, userId: number): Locator {
  return page.locator(`[data-testid^="seat-"][data-user-id="${userId}"]`);
}
