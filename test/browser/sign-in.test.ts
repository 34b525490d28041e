import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, openTab } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, measure } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { connectionState, readChat, say, seatsOf, takeSeat, visit, waitForConnection } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

test('a link with a token signs in, says who it is and leaves no token in the address', async () => {
  const roomId = addRoom(server, { title: 'The lobby shows this one' });
  const user = server.laravel.addUser({ name: 'Grace Hopper' });
  await using tab = await openTab(browser, { url: server.url, token: user.token });

  await tab.page.getByTestId('signed-in-as').getByText('Signed in as Grace Hopper').waitFor();
  await tab.page.getByTestId(`room-${roomId}`).getByText('The lobby shows this one').waitFor();
  expect(tab.page.url()).not.toContain('token');

  await tab.page.getByTestId('sign-out').click();
  await tab.page.getByTestId('token-input').waitFor();
  await tab.page.reload();
  await tab.page.getByTestId('token-input').waitFor();
  expect(tab.exceptions).toEqual([]);
});

test('a wrong token is turned down in plain words, and another can be given', async () => {
  const user = server.laravel.addUser({ name: 'Grace' });
  await using tab = await openTab(browser, { url: server.url, token: '1|nonsense' });

  await tab.page.getByText('This token is not valid. Please sign in again.').waitFor();
  expect(await connectionState(tab)).toBe('refused');
  expect(await tab.page.getByTestId('join-room').count()).toBe(0);

  await tab.page.getByTestId('token-input').fill(user.token);
  await tab.page.getByTestId('token-submit').click();
  await tab.page.getByTestId('signed-in-as').getByText('Signed in as Grace').waitFor();
  expect(await connectionState(tab)).toBe('connected');
});

test('who is signed out elsewhere is not let in again after a lost connection, and told why', async () => {
  const roomId = addRoom(server);
  await using proxy = await startTcpProxy(server.url);
  await using tab = await visit(browser, server, roomId, { url: proxy.url });
  await server.laravel.revokeToken(tab.user.token);
  proxy.cut();
  proxy.mend();

  await tab.page.getByText('You were signed out. Please sign in again.').waitFor();
  expect(await tab.page.getByTestId('chat-input').count()).toBe(0);
});

test('leaving frees the seat, ends the voice and leads back to the lobby', async () => {
  const roomId = addRoom(server);
  await using leaver = await visit(browser, server, roomId);
  await using other = await visit(browser, server, roomId);
  await takeSeat(leaver);
  await hear(other, leaver.user.id);

  await leaver.page.getByTestId('leave-room').click();

  await leaver.page.getByTestId('signed-in-as').waitFor();
  await seatsOf(other, leaver.user.id).waitFor({ state: 'detached' });
  await eventually(async () => {
    expect(await other.page.getByTestId('participant-count').textContent()).toBe('1');
    expect(await measure(other, leaver.user.id)).toBeNull();
  });
  expect([...leaver.exceptions, ...other.exceptions]).toEqual([]);
});

test('a second tab takes over, seat included, and the first says so', async () => {
  const roomId = addRoom(server);
  await using listener = await visit(browser, server, roomId);
  await using first = await visit(browser, server, roomId);
  const { user } = first;
  await takeSeat(first);
  await hear(listener, user.id);

  await using second = await visit(browser, server, roomId, { user });

  await first.page.getByText('You joined this room in another tab or on another device.').waitFor();
  expect(await connectionState(first)).toBe('ended');
  // Muted, so that nobody is on air who does not know.
  const toggle = second.page.getByTestId('mute-toggle');
  await eventually(async () => expect(await toggle.textContent()).toContain('Unmute'));
  await toggle.click();
  await hear(listener, user.id);
  // The first one does not come back to fight for the room.
  await say(second, 'still here');
  await eventually(async () => expect((await readChat(listener)).at(-1)?.text).toBe('still here'));
  await waitForConnection(second, 'connected');
  expect(await connectionState(first)).toBe('ended');
});
