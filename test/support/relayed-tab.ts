/// <reference lib="dom" />
import type { RoomTab } from './room-tab.ts';
import { startUdpRelay, type UdpRelay } from './udp-relay.ts';

/** The network between a tab and the server. */
export interface TabNetwork extends AsyncDisposable {
  /** @param drops - says of each UDP packet, on whichever way it is, whether it is lost */
  lose(drops: (packet: Buffer) => boolean): void;
}

interface Spied {
  RTCPeerConnection: typeof RTCPeerConnection;
  flyliveRelay(serverPort: number): Promise<number>;
}

/** Loads the tab's page again and joins anew; from then on its media goes by UDP alone, and through a relay. */
export async function leadThroughRelay({ page }: RoomTab): Promise<TabNetwork> {
  const relays = new Map<number, Promise<UdpRelay>>();
  let drops: UdpRelay['drops'] = () => false;
  const open = async (serverPort: number): Promise<UdpRelay> => {
    const relay = await startUdpRelay(serverPort);
    relay.drops = (packet) => drops(packet);
    return relay;
  };
  await page.exposeFunction('flyliveRelay', async (serverPort: number) => {
    const relay = relays.get(serverPort) ?? open(serverPort);
    relays.set(serverPort, relay);
    return (await relay).port;
  });
  await page.addInitScript(() => {
    const spied = globalThis as unknown as Spied;
    spied.RTCPeerConnection = class extends RTCPeerConnection {
      override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        const lines: string[] = [];
        for (const line of (description.sdp ?? '').split('\r\n')) {
          const [, start = '', port, end = ''] = /^(a=candidate:\S+ \d udp \d+ \S+ )(\d+)(.*)/i.exec(line) ?? [];
          if (port !== undefined) lines.push(start + String(await spied.flyliveRelay(Number(port))) + end);
          else if (!line.startsWith('a=candidate:')) lines.push(line);
        }
        return super.setRemoteDescription({ ...description, sdp: lines.join('\r\n') });
      }
    };
  });
  await page.reload();
  await page.getByTestId('join-room').click();
  await page.getByTestId('participant-count').waitFor();
  return {
    lose: (which) => (drops = which),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...relays.values()].map(async (relay) => (await relay)[Symbol.asyncDispose]()));
    },
  };
}
