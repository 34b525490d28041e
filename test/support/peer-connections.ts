/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import type { Tab } from './browser.ts';

/*
 * The WebRTC connections of a page, watched from inside it.
 */

/** How the packets of a page go: what its connections' selected candidate pairs say. */
export interface Path {
  readonly local: string;
  readonly protocol: string;
}

/** What lies between a page and the server. */
export interface Network {
  /** Whether packets may go to the server, or through TURN servers only. Default: `all`. */
  readonly policy?: RTCIceTransportPolicy;
  /** Where UDP goes instead of to the server's own port; 9, where nobody is, for a firewall that drops it. */
  readonly udpPort?: number;
  /** The same of TCP. */
  readonly tcpPort?: number;
}

interface Spied {
  flyliveConnections: RTCPeerConnection[];
  /** The server's ICE user name fragments, as each connection was told of them. */
  flyliveFragments: Set<string>[];
  RTCPeerConnection: typeof RTCPeerConnection;
}

/** Puts a page on a network, before it is opened, and keeps its connections at hand. */
export async function spyOnConnections(page: Page, network: Network = {}): Promise<void> {
  await page.addInitScript(({ policy = 'all', udpPort, tcpPort }) => {
    const spied = globalThis as unknown as Spied;
    spied.flyliveConnections = [];
    spied.flyliveFragments = [];
    const ports = { udp: udpPort, tcp: tcpPort };
    spied.RTCPeerConnection = class extends RTCPeerConnection {
      readonly #fragments = new Set<string>();

      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: policy });
        spied.flyliveConnections.push(this);
        spied.flyliveFragments.push(this.#fragments);
      }

      override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        const sdp = (description.sdp ?? '').replaceAll(
          /^(a=candidate:\S+ \d (udp|tcp) \d+ \S+) (\d+)/gim,
          (_, candidate: string, protocol: 'udp' | 'tcp', port: string) => `${candidate} ${ports[protocol] ?? port}`,
        );
        for (const [, fragment = ''] of sdp.matchAll(/^a=ice-ufrag:(\S+)/gim)) this.#fragments.add(fragment);
        return super.setRemoteDescription({ ...description, sdp });
      }
    };
  }, network);
}

/** How many connections a page has made, each with a DTLS handshake of its own, and how often ICE was restarted on them. */
export function countConnections({ page }: Tab): Promise<{ made: number; iceRestarts: number }> {
  return page.evaluate(() => {
    const fragments = (globalThis as unknown as Spied).flyliveFragments;
    return {
      made: fragments.length,
      iceRestarts: fragments.reduce((sum, known) => sum + Math.max(0, known.size - 1), 0),
    };
  });
}

export function pathsOf({ page }: Tab): Promise<Path[]> {
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
