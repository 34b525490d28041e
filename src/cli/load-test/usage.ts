import { z } from 'zod';
import type { Server } from '../server.ts';

/** What a server has used since it started. */
export interface ServerUsage {
  /** Of the Node.js process: CPU time, us; resident memory, bytes. */
  readonly node: { readonly cpu: number; readonly memory: number };
  /** Of each mediasoup worker: CPU time, us; the most memory that was resident, bytes. */
  readonly workers: readonly { readonly cpu: number; readonly memory: number }[];
}

/** The part of `GET /metrics` that is read here. */
const metricsSchema = z.object({
  system: z.object({
    memory: z.object({ rss: z.number() }),
    cpu: z.object({ user: z.number(), system: z.number() }),
  }),
});

/** Asks a server of ours. @throws TRPCClientError, or Error when its metrics cannot be read */
export async function readServerUsage(url: string, server: Server): Promise<ServerUsage> {
  const workers = await server.admin.workers.query();
  const response = await fetch(new URL('/metrics', url), { headers: { accept: 'application/json' } });
  if (!response.ok) throw new Error(`${url}/metrics answers ${response.status}`);
  const { memory, cpu } = metricsSchema.parse(await response.json()).system;
  return {
    node: { cpu: cpu.user + cpu.system, memory: memory.rss },
    workers: workers.map(({ cpu: used, maxRss }) => ({
      cpu: (used.user + used.system) * 1_000,
      memory: maxRss * 1_024,
    })),
  };
}
