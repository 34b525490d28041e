import { createTRPCClient, httpLink } from '@trpc/client';
import type { inferRouterOutputs } from '@trpc/server';
import superjson from 'superjson';
import type { AppRouter } from '../../src/routers/index.ts';

export type WorkerReport = inferRouterOutputs<AppRouter>['admin']['workers'][number];

/** Asks a server for its workers, as admin tools do: over HTTP, with the internal key. */
export async function askWorkers(url: string, internalKey: string): Promise<WorkerReport[]> {
  const headers = { 'x-internal-key': internalKey };
  const trpc = createTRPCClient<AppRouter>({
    links: [httpLink({ url: `${url}/trpc`, transformer: superjson, headers })],
  });
  return trpc.admin.workers.query();
}

/** What all workers together hold, as the worker processes themselves say. */
export async function countMediaObjects(
  url: string,
  internalKey: string,
): Promise<{ routers: number; transports: number }> {
  const workers = await askWorkers(url, internalKey);
  return {
    routers: workers.reduce((sum, { dump }) => sum + (dump?.routers ?? 0), 0),
    transports: workers.reduce((sum, { dump }) => sum + (dump?.webRtcTransports ?? 0), 0),
  };
}
