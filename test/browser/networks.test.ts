/// <reference lib="dom" />
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { type Coturn, startCoturn } from '../support/coturn.ts';
import { hear } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { type RoomTab, takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** How the packets of a tab go: what its connections' selected candidate pairs say. */
interface Path {
  readonly local: string;
  readonly protocol: string;
}

interface Spied {
  flyliveConnections: RTCPeerConnection[];
  RTCPeerConnection: typeof RTCPeerConnection;
}

interface Network {
  /** Whether packets may go to the server, or through TURN servers only. */
  readonly policy: RTCIceTransportPolicy;
  /** Sends UDP to a port where nobody is, as a firewall does that drops it. */
  readonly dropsUdp: boolean;
}

/** Puts a page on a network, and keeps its peer connections at hand. */
async function moveTo({ page }: RoomTab, network: Network): Promise<void> {
  await page.addInitScript(({ policy, dropsUdp }) => {
    const spied = globalThis as unknown as Spied;
    spied.flyliveConnections = [];
    spied.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: policy });
        spied.flyliveConnections.push(this);
      }

      override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        const sdp = description.sdp ?? '';
        const udpPort = /^(a=candidate:\S+ \d udp \d+ \S+) \d+/gim;
        return super.setRemoteDescription({ ...description, sdp: dropsUdp ? sdp.replaceAll(udpPort, '$1 9') : sdp });
      }
    };
  }, network);
  await page.reload();
  await page.getByTestId('join-room').click();
  await page.getByTestId('participant-count').waitFor();
}

function pathsOf({ page }: RoomTab): Promise<Path[]> {
  return page.evaluate(async () => {
    const paths: Path[] = [];
    for (const connection of (globalThis as unknown as Spied).flyliveConnections) {
      const all = await connection.getStats();
      const get = (id: unknown): Record<string, unknown> => (all.get(String(id)) ?? {}) as Record<string, unknown>;
      for (const stats of all.values() as Iterable<Record<string, unknown>>) {
        if (stats['type'] !== 'transport') continue;
        const local = get(get(stats['selectedCandidatePairId'])['localCandidateId']);
        paths.push({ local: String(local['candidateType']), protocol: String(local['protocol']) });
      }
    }
    return paths;
  });
}

async function talk(browser: Browser, server: TestServer, network: Network): Promise<Path[]> {
  const roomId = addRoom(server);
  await using ada = await visit(browser, server, roomId);
  await using grace = await visit(browser, server, roomId);
  await moveTo(ada, network);
  await moveTo(grace, network);
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
      const paths = await talk(browser, server, { policy: 'all', dropsUdp: true });
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
      const paths = await talk(browser, server, { policy: 'relay', dropsUdp: false });
      expect(paths).toHaveLength(4);
      for (const { local } of paths) expect(local).toBe('relay');
    });
  });
});
