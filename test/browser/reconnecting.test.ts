import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, type Tab } from '../support/browser.ts';
import { connect } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { hear, listenDuring, type Recording } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { countConnections, spyOnConnections } from '../support/peer-connections.ts';
import { readChat, say, seatsOf, takeSeat, visit, waitForConnection, write } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/*
 * Ada is connected to the server directly, Grace through a hop that is cut. Only TCP takes that hop: as with a real
 * server, media is UDP and another path.
 */

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

test('a listener whose socket is lost for 3 s keeps the session, misses no message and hears on', async () => {
  const roomId = addRoom(server);
  await using proxy = await startTcpProxy(server.url);
  await using ada = await visit(browser, server, roomId);
  await using grace = await visit(browser, server, roomId, { url: proxy.url, prepare: spyOnConnections });
  await takeSeat(ada);
  await hear(grace, ada.user.id);
  const { made } = await countConnections(grace);
  const session = await sessionOf(server, roomId, grace.user.id);
  await say(ada, 'before');

  const said = ['before', 'line 1', 'line 2', 'line 3', 'after'];
  const heard = await listenDuring(grace, ada.user.id, async () => {
    await cutFor({ proxy }, 3_000, async () => {
      await waitForConnection(grace, 'reconnecting');
      for (const line of said.slice(1, -1)) await say(ada, line);
      expect(await readTexts(grace)).toEqual(['before']);
    });
    await waitForConnection(grace, 'connected');
    await say(ada, 'after');
    await eventually(async () => expect(await readTexts(grace)).toEqual(said));
  });

  expectHeardThroughout(heard);
  expect((await countConnections(grace)).made).toBe(made);
  expect(await sessionOf(server, roomId, grace.user.id)).toBe(session);
  await grace.page.getByTestId('notice').getByText('You are back.').waitFor();
  await hear(grace, ada.user.id);
});

test('a speaker cut off for 1 s is heard on, with the same producer', () => loseAndKeepSpeaker(1_000, cutFor));

test('a speaker without a network for 1 s is heard on, with the same producer', () =>
  loseAndKeepSpeaker(1_000, goOfflineFor));

test('a speaker without a network for 10 s is heard on, with the same producer', () =>
  loseAndKeepSpeaker(10_000, goOfflineFor));

test('a mute during the cut holds at once, and is told to the room afterwards', async () => {
  const roomId = addRoom(server);
  await using proxy = await startTcpProxy(server.url);
  await using ada = await visit(browser, server, roomId);
  await using grace = await visit(browser, server, roomId, { url: proxy.url });
  await takeSeat(grace);
  await hear(ada, grace.user.id);

  await cutFor({ proxy }, 500, async () => {
    await waitForConnection(grace, 'reconnecting');
    await grace.page.getByTestId('mute-toggle').click();
  });

  await eventually(async () => expect(await producersOf(server, roomId)).toMatchObject([{ paused: true }]));
  await eventually(async () => {
    expect(await seatsOf(ada, grace.user.id).getAttribute('aria-label')).toContain('muted');
  });
});

test('a speaker without a network for twice the grace period loses the seat, and the page recovers by itself', async () => {
  // In the place of 30 s; the long form is `GRACE_SECONDS=30 npx vitest run --project browser reconnecting`.
  const graceSeconds = Number(process.env['GRACE_SECONDS'] ?? 3);
  await using server = await startTestServer({ env: { ROOM_GRACE_SECONDS: String(graceSeconds) } });
  const roomId = addRoom(server);
  await using proxy = await startTcpProxy(server.url);
  await using ada = await visit(browser, server, roomId);
  await using grace = await visit(browser, server, roomId, { url: proxy.url });
  await takeSeat(ada);
  await takeSeat(grace);
  await Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);
  const session = await sessionOf(server, roomId, grace.user.id);

  await goOfflineFor({ proxy, tab: grace }, graceSeconds * 2_000, async () => {
    await seatsOf(ada, grace.user.id).waitFor({ state: 'detached', timeout: graceSeconds * 2_000 });
    await eventually(async () => {
      expect(await ada.page.getByTestId('participant-count').textContent()).toBe('1');
    });
    await say(ada, 'while Grace was away');
  });

  await waitForConnection(grace, 'connected');
  await grace.page.getByTestId('notice').getByText('You are back, as a listener.').waitFor();
  expect(await sessionOf(server, roomId, grace.user.id)).not.toBe(session);
  await eventually(async () => expect(await readTexts(grace)).toEqual(['while Grace was away']));
  await hear(grace, ada.user.id);
  // And can speak again.
  await takeSeat(grace);
  await hear(ada, grace.user.id);
  expect([...ada.exceptions, ...grace.exceptions]).toEqual([]);
});

/** Grace speaks, is cut off and comes back within the grace period: nobody misses anything of her, nor she of others. */
async function loseAndKeepSpeaker(ms: number, lose: typeof goOfflineFor): Promise<void> {
  const roomId = addRoom(server);
  await using proxy = await startTcpProxy(server.url);
  await using ada = await visit(browser, server, roomId, { prepare: spyOnConnections });
  await using grace = await visit(browser, server, roomId, { url: proxy.url, prepare: spyOnConnections });
  await takeSeat(grace);
  await hear(ada, grace.user.id);
  const [adas, graces] = await Promise.all([countConnections(ada), countConnections(grace)]);
  const producers = await producersOf(server, roomId);
  expect(producers).toMatchObject([{ userId: grace.user.id, paused: false }]);
  const seat = seatsOf(ada, grace.user.id);
  const label = await seat.getAttribute('data-testid');

  const heard = await listenDuring(ada, grace.user.id, async () => {
    await lose({ proxy, tab: grace }, ms, async () => {
      await waitForConnection(grace, 'reconnecting');
      await say(ada, 'from Ada');
      // Said without a connection, sent when there is one.
      await write(grace, 'from Grace');
      await eventually(async () => expect(await seat.getAttribute('aria-label')).toContain('away'));
    });
    await waitForConnection(grace, 'connected');
    await eventually(async () => expect((await readTexts(ada)).toSorted()).toEqual(['from Ada', 'from Grace']), 20_000);
  });

  expectHeardThroughout(heard);
  expect(await producersOf(server, roomId)).toEqual(producers);
  // The same connections and consumers, without another DTLS handshake.
  expect(await countConnections(ada)).toEqual(adas);
  expect((await countConnections(grace)).made).toBe(graces.made);
  expect(await seat.getAttribute('data-testid')).toBe(label);
  await eventually(async () => expect(await seat.getAttribute('aria-label')).not.toContain('away'));
  // Both pages agree on what was said, and in which order.
  await say(ada, 'end');
  const all = await readTexts(ada);
  expect(all).toHaveLength(3);
  await eventually(async () => expect(await readTexts(grace)).toEqual(all));
}

/** An interruption would be as long as the cut; a busy machine takes the voice's breath away for less. */
function expectHeardThroughout({ longestSilenceMs, audibleShare }: Recording): void {
  expect(longestSilenceMs).toBeLessThan(1_000);
  expect(audibleShare).toBeGreaterThan(0.9);
}

/** Cuts the hop for at least this time, and for as long as `work` takes. The page finds out by its sockets. */
async function cutFor({ proxy }: { proxy: TcpProxy }, ms: number, work: () => Promise<void>): Promise<void> {
  proxy.cut();
  try {
    await Promise.all([sleep(ms), work()]);
  } finally {
    proxy.mend();
  }
}

/** As {@link cutFor}; the browser is told as well that there is no network, and that there is one again. */
async function goOfflineFor(
  { proxy, tab }: { proxy: TcpProxy; tab: Tab },
  ms: number,
  work: () => Promise<void>,
): Promise<void> {
  const profile = tab.page.context();
  await cutFor({ proxy }, ms, async () => {
    // In this order: a socket of a page that is emulated to be offline may never hear of its end.
    await waitForConnection(tab, 'reconnecting');
    await profile.setOffline(true);
    await work();
  });
  await profile.setOffline(false);
}

async function readTexts(tab: Tab): Promise<string[]> {
  return (await readChat(tab)).map(({ text }) => text);
}

/** The session of a member as the server has it. */
async function sessionOf({ store }: TestServer, roomId: string, userId: number): Promise<string | undefined> {
  return (await store.hget(`room:sessions:{${roomId}}`, String(userId)))?.split(' ')[0];
}

/** The producers of a room as the server tells anybody who asks. */
async function producersOf({ url, laravel }: TestServer, roomId: string) {
  await using observer = connect(url, laravel.users[0]!.token);
  return (await observer.trpc.room.get.query({ roomId })).producers;
}
