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

/**
 * RTP packets a second of sound that a tab of {@link keepConnections} sends, counted for as long as told. The second is
 * the microphone's: a browser that the machine keeps waiting makes up for it later, by the clock on the wall too fast.
 */
export async function sentPerSecond({ page }: RoomTab, forMs: number): Promise<number> {
  const start = await countSent(page);
  await page.waitForTimeout(forMs);
  const end = await countSent(page);
  return (end.packets - start.packets) / (end.seconds - start.seconds);
}

function countSent(page: RoomTab['page']): Promise<{ packets: number; seconds: number }> {
  return page.evaluate(async () => {
    let packets = 0;
    let seconds = 0;
    for (const connection of (globalThis as unknown as Spied).flyliveConnections) {
      for (const stats of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (stats['type'] === 'outbound-rtp') packets += Number(stats['packetsSent']);
        if (stats['type'] === 'media-source') seconds += Number(stats['totalSamplesDuration']);
      }
    }
    return { packets, seconds };
  });
}
