import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { connect } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { hear, hearSilence } from '../support/hearing.ts';
import { addRoom, enter } from '../support/members.ts';
import { countConnections, spyOnConnections } from '../support/peer-connections.ts';
import { takeSeat, visit, waitForConnection } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { startUdpRelay } from '../support/udp-relay.ts';

/*
 * Grace's packets take a hop each: TCP for the socket, UDP for sound. Both are dead for some seconds; then she has another
 * port, as a phone that goes from Wi-Fi to a mobile network.
 */

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer({ env: { MEDIASOUP_WORKERS: '1' } }), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

test('who moves to another network is heard and hears again, over the same connections and producer', async () => {
  const roomId = addRoom(server);
  await using proxy = await startTcpProxy(server.url);
  await using relay = await startUdpRelay(await mediaPortOf(roomId));
  await using ada = await visit(browser, server, roomId);
  await using grace = await visit(browser, server, roomId, {
    url: proxy.url,
    prepare: (page) => spyOnConnections(page, { udpPort: relay.port, tcpPort: 9 }),
  });
  await takeSeat(ada);
  await takeSeat(grace);
  await Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);
  const before = await countConnections(grace);
  expect(before.iceRestarts).toBe(0);
  const { producers } = await readRoom(roomId);

  relay.drops = () => true;
  proxy.cut();
  await waitForConnection(grace, 'reconnecting');
  await grace.page.context().setOffline(true);
  await hearSilence(ada, grace.user.id);
  await sleep(2_000);
  relay.move();
  relay.drops = () => false;
  proxy.mend();
  await grace.page.context().setOffline(false);

  await waitForConnection(grace, 'connected');
  await Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);
  await eventually(async () => {
    const { made, iceRestarts } = await countConnections(grace);
    expect(made).toBe(before.made);
    expect(iceRestarts).toBeGreaterThanOrEqual(2);
  });
  expect((await readRoom(roomId)).producers).toEqual(producers);
  expect(grace.exceptions).toEqual([]);
});

/** The UDP port of the only worker. */
async function mediaPortOf(roomId: string): Promise<number> {
  await using somebody = await enter(server, roomId);
  const { iceCandidates } = await somebody.trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
  return iceCandidates.find(({ protocol }) => protocol === 'udp')?.port ?? expect.unreachable();
}

async function readRoom(roomId: string) {
  await using observer = connect(server.url, server.laravel.users[0]!.token);
  return await observer.trpc.room.get.query({ roomId });
}
