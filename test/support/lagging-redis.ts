import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before Redis that holds up what pub/sub says. */
export interface LaggingRedis extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

/**
 * Passes everything on, but what a connection that subscribes receives only after a lag; the order stays. So a server
 * behind it reads its events late, as one that is busy or far from Redis does.
 *
 * @param lagMs - drawn anew for every piece
 */
export async function startLaggingRedis(
  redis: { readonly host: string; readonly port: number },
  lagMs: () => number,
): Promise<LaggingRedis> {
  const sockets = new Set<Socket>();
  const server = createServer((downstream) => {
    const upstream = connect(redis.port, redis.host);
    let subscribes = false;
    let free = 0;
    const pieces: Buffer[] = [];
    const deliver = (): void => {
      const piece = pieces.shift();
      if (piece !== undefined && !downstream.destroyed) downstream.write(piece);
    };
    downstream.on('data', (bytes: Buffer) => {
      subscribes ||= bytes.includes('subscribe');
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => {
      if (!subscribes) return void downstream.write(bytes);
      pieces.push(bytes);
      // Timers of equal time fire in the order they were set, so no piece overtakes another.
      free = Math.max(free, Math.ceil(performance.now() + lagMs()));
      setTimeout(deliver, Math.max(0, free - performance.now()));
    });
    for (const [socket, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
