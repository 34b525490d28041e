import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type Coturn, startCoturn } from '../support/coturn.ts';
import { hear } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { type Network, type Path, pathsOf, spyOnConnections } from '../support/peer-connections.ts';
import { takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** The port of discard: packets to it are lost, as by a firewall that drops them. */
const nobody = 9;

async function talk(browser: Browser, server: TestServer, network: Network): Promise<Path[]> {
  const roomId = addRoom(server);
  const prepare = (page: Page): Promise<void> => spyOnConnections(page, network);
  await using ada = await visit(browser, server, roomId, { prepare });
  await using grace = await visit(browser, server, roomId, { prepare });
  await takeSeat(ada);
  await takeSeat(grace);
  await Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);
  return [...(await pathsOf(ada)), ...(await pathsOf(grace))];
}

describe('two who talk hear each other', () => {
  describe('where UDP is blocked', () => {
    let server: TestServer;
    let browser: Browser;

    beforeAll(async () => {
      [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.[Symbol.asyncDispose]();
    });

    test('over TCP', async () => {
      const paths = await talk(browser, server, { udpPort: nobody });
      expect(paths).toHaveLength(4);
      for (const { protocol } of paths) expect(protocol).toBe('tcp');
    });
  });

  describe('where only a TURN server is reached', () => {
    const secret = 'a-secret-shared-with-coturn';
    let coturn: Coturn;
    let server: TestServer;
    let browser: Browser;

    beforeAll(async () => {
      coturn = await startCoturn(secret);
      const env = { TURN_URLS: coturn.url, TURN_SECRET: secret };
      [server, browser] = await Promise.all([startTestServer({ env }), launchBrowser()]);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.[Symbol.asyncDispose]();
      await coturn?.[Symbol.asyncDispose]();
    });

    test('through it, with the credentials of the join', async () => {
      const paths = await talk(browser, server, { policy: 'relay' });
      expect(paths).toHaveLength(4);
      for (const { local } of paths) expect(local).toBe('relay');
    });
  });
});
