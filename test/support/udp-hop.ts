import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** A UDP hop in front of a server, as a NAT is for a device behind it. */
export interface UdpHop extends AsyncDisposable {
  /** Where clients send to, on loopback. */
  readonly port: number;
  /** Loses every packet in both directions until {@link move}. */
  block(): void;
  /** Lets packets through again, to the server from another port than before: the device is on another network. */
  move(): void;
}

/** @param serverPort - on loopback */
export async function startUdpHop(serverPort: number): Promise<UdpHop> {
  const near = createSocket('udp4');
  /** The server's side of each client, by the client's address. */
  const flows = new Map<string, Socket>();
  let isBlocked = false;

  function flowOf({ address, port }: RemoteInfo): Socket {
    const client = `${address}:${port}`;
    const known = flows.get(client);
    if (known !== undefined) return known;
    const far = createSocket('udp4');
    far.on('message', (packet) => {
      if (!isBlocked && flows.get(client) === far) near.send(packet, port, address);
    });
    flows.set(client, far);
    return far;
  }
  function closeFlows(): void {
    for (const far of flows.values()) far.close();
    flows.clear();
  }

  near.on('message', (packet, client) => {
    if (!isBlocked) flowOf(client).send(packet, serverPort, '127.0.0.1');
  });
  near.bind(0, '127.0.0.1');
  await once(near, 'listening');
  return {
    port: near.address().port,
    block: () => {
      isBlocked = true;
      closeFlows();
    },
    move: () => {
      isBlocked = false;
    },
    [Symbol.asyncDispose]: async () => {
      closeFlows();
      near.close();
      await once(near, 'close');
    },
  };
}
