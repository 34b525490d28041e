import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP hop in front of a server, whose connections a test can cut. Media is UDP and goes around it. */
export interface TcpProxy extends AsyncDisposable {
  /** http://host:port of the hop. */
  readonly url: string;
  /** Ends every connection without a goodbye and refuses new ones until {@link mend}. */
  cut(): void;
  mend(): void;
}

/**
 * Listens on a free port of loopback.
 *
 * @param url - the server behind it
 */
export async function startTcpProxy(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let isCut = false;

  const server = createServer((near) => {
    if (isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(Number(port), hostname);
    near.pipe(far).pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      // A reset of one side is told to the other by its close.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve());
  });

  const endAll = (): void => sockets.forEach((socket) => socket.resetAndDestroy());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      endAll();
    },
    mend() {
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      endAll();
      await closed;
    },
  };
}
