import { createServer } from 'node:net';

/**
 * Finds a TCP port that nobody listens on.
 *
 * @param host - address to listen on
 * @param first - the port to try first, then the ones after it; 0 lets the system choose
 * @param attempts - how many ports to try at most
 * @returns the port, or null when all of them are taken
 */
export async function findFreePort(host: string, first = 0, attempts = 1): Promise<number | null> {
  const last = Math.min(first + attempts - 1, 65_535);
  for (let port = first; port <= last; port += 1) {
    const found = await tryPort(host, port);
    if (found !== null) return found;
  }
  return null;
}

function tryPort(host: string, port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES: a privileged port.
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : null));
    });
  });
}
