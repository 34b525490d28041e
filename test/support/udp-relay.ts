import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A hop between clients and one UDP port of the server, as a NAT is; it loses what it is told to. */
export interface UdpRelay extends AsyncDisposable {
  /** Of loopback, where clients send to instead. */
  readonly port: number;
  /** Whether a packet is lost, on whichever way it is; none is to begin with. */
  drops: (packet: Buffer) => boolean;
  /** Sends on to the server from other ports than before, as for a device that is on another network. */
  move(): void;
}

/** @param serverPort - of loopback */
export async function startUdpRelay(serverPort: number): Promise<UdpRelay> {
  const front = createSocket('udp4');
  /** The socket that stands for each client at the server. A browser sends from whatever address the machine has. */
  const backs = new Map<string, Socket>();

  const backOf = ({ address, port }: RemoteInfo): Socket => {
    const client = `${address}:${port}`;
    const known = backs.get(client);
    if (known) return known;
    const back = createSocket('udp4');
    back.on('message', (packet) => {
      if (backs.get(client) === back && !relay.drops(packet)) front.send(packet, port, address);
    });
    backs.set(client, back);
    return back;
  };
  const move = (): void => {
    for (const back of backs.values()) back.close();
    backs.clear();
  };
  front.on('message', (packet, client) => {
    if (!relay.drops(packet)) backOf(client).send(packet, serverPort, '127.0.0.1');
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');

  const relay: UdpRelay = {
    port: front.address().port,
    drops: () => false,
    move,
    [Symbol.asyncDispose]: async () => {
      move();
      await new Promise<void>((resolve) => front.close(() => resolve()));
    },
  };
  return relay;
}

/** Whether a packet is RTP or RTCP, and not of ICE or DTLS (RFC 7983). */
export function isMedia(packet: Buffer): boolean {
  const first = packet[0] ?? 0;
  return first >= 128 && first < 192;
}
