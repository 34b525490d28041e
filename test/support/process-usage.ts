/** What a server process has used so far, as it says itself at /metrics. */
export interface ProcessUsage {
  /** Resident memory, bytes. */
  readonly rss: number;
  readonly heapUsed: number;
  /** CPU time, microseconds. */
  readonly cpu: number;
}

export async function readUsage(url: string): Promise<ProcessUsage> {
  const response = await fetch(`${url}/metrics`, { headers: { accept: 'application/json' } });
  const { system } = (await response.json()) as {
    system: { memory: { rss: number; heapUsed: number }; cpu: { user: number; system: number } };
  };
  return {
    rss: system.memory.rss,
    heapUsed: system.memory.heapUsed,
    cpu: system.cpu.user + system.cpu.system,
  };
}
