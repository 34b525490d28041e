import type { LoadMeasurement, LoadPlan } from './run.ts';
import type { ServerUsage } from './usage.ts';

/** A measurement in the terms of capacity planning. */
export interface LoadReport {
  readonly rooms: number;
  readonly speakers: number;
  readonly listeners: number;
  readonly joins: {
    readonly failed: number;
    /** Why, with how many each. */
    readonly failures: Readonly<Record<string, number>>;
    /** Of listeners. */
    readonly perSecond: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
  };
  readonly packets: {
    /** From speakers to the server, and from the server to all. */
    readonly inPerSecond: number;
    readonly outPerSecond: number;
    /** Gaps within streams; packet-counter.ts says what is not seen. */
    readonly lost: number;
    /** Listeners who got no packet at all while it was measured: their streams never came. */
    readonly deaf: number;
    /** Streams that flow to each listener, on average. */
    readonly streamsPerListener: number;
  };
  readonly cpu: {
    /** Of each worker and of Node.js, share of a core. */
    readonly workerCores: readonly number[];
    readonly nodeCores: number;
    /** For each packet that the server sent. */
    readonly workerUsPerPacket: number;
    readonly nodeUsPerPacket: number;
    /** Listeners that one core of worker carries, by CPU time. */
    readonly listenersPerCore: number;
    /** Of each process of the load tester. */
    readonly clientCores: readonly number[];
  };
  /** How much the server grew by each listener, KiB. */
  readonly memory: { readonly nodeKiBPerListener: number; readonly workerKiBPerListener: number };
  /** Members who got in and were lost. */
  readonly gone: number;
}

/** A process this busy cannot tell what the server could do. */
const clientLimit = 0.9;

export function toReport(plan: LoadPlan, measured: LoadMeasurement): LoadReport {
  const { speakers, listeners, seconds, sent, received, lost, gone, usage, clientCores } = measured;
  const { begin, end, empty } = usage;
  const failures = { ...speakers.failures };
  for (const [message, count] of Object.entries(listeners.failures))
    failures[message] = (failures[message] ?? 0) + count;
  const joined = listeners.joinMs.length;
  const perSecond = 1_000 / plan.packetTime;
  const workerCores = end.workers.map(({ cpu }, index) => (cpu - (begin.workers[index]?.cpu ?? 0)) / 1e6 / seconds);
  const nodeCores = (end.node.cpu - begin.node.cpu) / 1e6 / seconds;
  const outPerSecond = received / seconds;
  return {
    rooms: plan.rooms.length,
    speakers: speakers.joinMs.length,
    listeners: joined,
    joins: {
      failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
      failures,
      perSecond: joined / measured.listenersSeconds,
      p50Ms: percentile(listeners.joinMs, 0.5),
      p99Ms: percentile(listeners.joinMs, 0.99),
    },
    packets: {
      inPerSecond: sent / seconds,
      outPerSecond,
      lost,
      deaf: measured.deaf,
      streamsPerListener: measured.receivedByListeners / seconds / perSecond / joined,
    },
    cpu: {
      workerCores,
      nodeCores,
      workerUsPerPacket: (sumOf(workerCores) * 1e6) / outPerSecond,
      nodeUsPerPacket: (nodeCores * 1e6) / outPerSecond,
      listenersPerCore: joined / sumOf(workerCores),
      clientCores,
    },
    memory: {
      nodeKiBPerListener: (end.node.memory - empty.node.memory) / 1_024 / joined,
      workerKiBPerListener: (workerMemory(end) - workerMemory(empty)) / 1_024 / joined,
    },
    gone,
  };
}

/** The lines that tell an operator. */
export function describe(report: LoadReport): string[] {
  const { joins, packets, cpu, memory } = report;
  const round = (value: number, digits = 0): string => value.toLocaleString('en', { maximumFractionDigits: digits });
  const percent = (share: number): string => `${round(share * 100, 1)} %`;
  const lines = [
    `${report.rooms} rooms, ${report.speakers} speakers, ${report.listeners} listeners, ${joins.failed} failed`,
    ...Object.entries(joins.failures).map(([message, count]) => `  ${count} x ${message}`),
    `joins         ${round(joins.perSecond, 1)}/s, p50 ${round(joins.p50Ms)} ms, p99 ${round(joins.p99Ms)} ms`,
    `packets       ${round(packets.inPerSecond)}/s in, ${round(packets.outPerSecond)}/s out, ` +
      `${round(packets.streamsPerListener, 2)} streams a listener`,
    `loss          ${round(packets.lost)} packets within streams`,
    `workers       ${round(cpu.workerUsPerPacket, 2)} us a packet; ${cpu.workerCores.map(percent).join(' and ')} of a core`,
    `Node.js       ${round(cpu.nodeUsPerPacket, 2)} us a packet; ${percent(cpu.nodeCores)} of a core`,
    `a core        carries ${round(cpu.listenersPerCore)} such listeners, by the workers' CPU time`,
    `memory        ${round(memory.nodeKiBPerListener)} KiB a listener in Node.js, ` +
      `${round(memory.workerKiBPerListener)} KiB in the workers`,
    `load tester   ${cpu.clientCores.map(percent).join(', ')} of a core`,
  ];
  if (packets.deaf > 0) lines.push(`${packets.deaf} listeners got no packet at all`);
  if (report.gone > 0) lines.push(`${report.gone} members were lost on the way`);
  if (cpu.clientCores.some((share) => share > clientLimit)) {
    lines.push('A process of the load tester was at its limit: loss may be its own, add --processes');
  }
  return lines;
}

/** The value that the share of all does not exceed; NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

function workerMemory({ workers }: ServerUsage): number {
  return sumOf(workers.map(({ memory }) => memory));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
