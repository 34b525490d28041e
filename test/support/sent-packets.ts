/// <reference lib="dom" />
import type { RoomTab } from './room-tab.ts';

interface Spied {
  flyliveConnections: RTCPeerConnection[];
  RTCPeerConnection: typeof RTCPeerConnection;
}

/** Loads the tab's page again and joins anew, with its peer connections at hand from then on. */
export async function keepConnections({ page }: RoomTab): Promise<void> {
  await page.addInitScript(() => {
    const spied = globalThis as unknown as Spied;
    spied.flyliveConnections = [];
    spied.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        spied.flyliveConnections.push(this);
      }
    };
  });
  await page.reload();
  await page.getByTestId('join-room').click();
  await page.getByTestId('participant-count').waitFor();
}

/** RTP packets of audio a second that a tab of {@link keepConnections} sends, counted for as long as told. */
export async function sentPerSecond({ page }: RoomTab, forMs: number): Promise<number> {
  const start = await countSent(page);
  await page.waitForTimeout(forMs);
  const end = await countSent(page);
  return ((end.packets - start.packets) / (end.at - start.at)) * 1_000;
}

function countSent(page: RoomTab['page']): Promise<{ packets: number; at: number }> {
  return page.evaluate(async () => {
    let packets = 0;
    let at = 0;
    for (const connection of (globalThis as unknown as Spied).flyliveConnections) {
      for (const stats of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (stats['type'] !== 'outbound-rtp') continue;
        packets += Number(stats['packetsSent']);
        at = Number(stats['timestamp']);
      }
    }
    return { packets, at };
  });
}
