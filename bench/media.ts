/**
 * What our server adds to what mediasoup costs: the load tester's load through the server and through a bare worker, at
 * the same time, since a shared machine is not equally fast from one minute to the next.
 *
 *   node bench/media.ts [contestant ...]        default: ours bare
 *
 * A contestant is `ours` or `bare` and settings, such as 'ours workers=2 streams-per-router=600'; see `defaults` for all.
 * What of the difference is memory: `bare 'bare consumers=15'`, `bare 'bare huge-pages=1'`; what is the pipe: the rest.
 * CPU time is counted for each process, so it holds on a small machine too, as long as no process is at its limit.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, type LoadReport, toReport } from '../src/cli/load-test/report.ts';
import { type LoadPlan, runLoad } from '../src/cli/load-test/run.ts';
import type { ServerUsage } from '../src/cli/load-test/usage.ts';
import { askWorkers } from '../test/support/admin.ts';
import { addRoom } from '../test/support/members.ts';
import { readUsage } from '../test/support/process-usage.ts';
import { startTestServer } from '../test/support/server.ts';

const defaults = {
  rooms: '1',
  speakers: '15',
  listeners: '150',
  /** Or `conversation`. */
  talk: 'all',
  /** 20, 40 or 60. */
  'packet-ms': '20',
  /** 1: speakers leave out most packets of silence. */
  dtx: '0',
  seconds: '20',
  /** Of the server; a bare one has a single worker. */
  workers: '2',
  /** MAX_FORWARDED_SPEAKERS; 0: all. */
  forwarded: '3',
  /** MAX_STREAMS_PER_ROUTER */
  'streams-per-router': '1500',
  /** Processes of the load tester for listeners. */
  processes: '1',
  /** Of a bare worker: consumers of a listener; those beyond `forwarded` get nothing to send, as ours do. 0: none. */
  consumers: '0',
  /** 1: the C library asks for huge pages, in Node.js and in its workers (glibc 2.35 or newer). */
  'huge-pages': '0',
};
type Settings = typeof defaults;
/** A load that runs, ended by what it is measured with. */
type Run = (settings: Settings, settle: () => Promise<unknown>) => Promise<LoadReport>;

/** Until the rush of joining is over, ms. */
const settleMs = 4_000;

const contestants = process.argv.length > 2 ? process.argv.slice(2) : ['ours', 'bare'];
const runs: Record<string, Run> = { ours: runOurs, bare: runBare };
const everybodyIn = Promise.withResolvers<undefined>();
let waiting = 0;

/** All are measured at once: when the last one is ready. */
async function settleTogether(): Promise<void> {
  waiting += 1;
  if (waiting === contestants.length) everybodyIn.resolve(undefined);
  await everybodyIn.promise;
  await sleep(settleMs);
}

const reports = await Promise.all(
  contestants.map((text) => {
    const [kind = '', ...words] = text.split(' ');
    const run = runs[kind];
    assert(run, `${kind} is no contestant`);
    const settings = { ...defaults, ...Object.fromEntries(words.map((word) => word.split('='))) } as Settings;
    assert.deepEqual(Object.keys(settings).toSorted(), Object.keys(defaults).toSorted(), 'an unknown setting');
    return run(settings, settleTogether);
  }),
);
const first = reports[0]?.cpu.workerUsPerPacket ?? NaN;
for (const [index, report] of reports.entries()) {
  console.log(`\n${contestants[index]}: ${(report.cpu.workerUsPerPacket / first).toFixed(3)} x the first one a packet`);
  for (const line of describe(report)) console.log(`  ${line}`);
}

async function runOurs(settings: Settings, settle: () => Promise<unknown>): Promise<LoadReport> {
  await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
  const target = await server.startProcess({
    MEDIASOUP_WORKERS: settings.workers,
    MAX_FORWARDED_SPEAKERS: settings.forwarded,
    MAX_STREAMS_PER_ROUTER: settings['streams-per-router'],
    ...memoryOf(settings),
  });
  const rooms = Array.from({ length: Number(settings.rooms) }, () => ({
    id: addRoom(server, { seatCount: 30 }),
    tokens: Array.from(
      { length: Number(settings.speakers) + Number(settings.listeners) },
      () => server.laravel.addUser({ name: 'A' }).token,
    ),
  }));
  const plan = toPlan(settings, target.url, rooms);
  const read = async (): Promise<ServerUsage> => {
    const [workers, node] = await Promise.all([askWorkers(target.url, server.internalKey), readUsage(target.url)]);
    return {
      node: { cpu: node.cpu, memory: node.rss },
      workers: workers.map(({ cpu, maxRss }) => ({ cpu: (cpu.user + cpu.system) * 1_000, memory: maxRss * 1_024 })),
    };
  };
  return toReport(plan, await runLoad(plan, { readUsage: read, say: () => {}, settle }));
}

async function runBare(settings: Settings, settle: () => Promise<unknown>): Promise<LoadReport> {
  const { speakers, listeners, forwarded, consumers } = settings;
  const streams = forwarded === '0' ? speakers : forwarded;
  const child = fork(fileURLToPath(new URL('support/bare-media-server.ts', import.meta.url)), [streams, consumers], {
    env: { ...process.env, ...memoryOf(settings) },
  });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const tokens = Array.from({ length: Number(speakers) + Number(listeners) }, (_, index) => String(index));
    const plan = toPlan(settings, `http://127.0.0.1:${port}`, [{ id: '1', tokens }]);
    const read = async (): Promise<ServerUsage> => {
      child.send('usage');
      return ((await once(child, 'message')) as [{ usage: ServerUsage }])[0].usage;
    };
    return toReport(plan, await runLoad(plan, { readUsage: read, say: () => {}, settle }));
  } finally {
    child.kill('SIGKILL');
  }
}

function memoryOf(settings: Settings): Record<string, string> {
  return settings['huge-pages'] === '1' ? { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } : {};
}

function toPlan(settings: Settings, url: string, rooms: LoadPlan['rooms']): LoadPlan {
  const { talk } = settings;
  const packetTime = Number(settings['packet-ms']);
  assert(talk === 'all' || talk === 'conversation', 'talk is all or conversation');
  assert(packetTime === 20 || packetTime === 40 || packetTime === 60, 'packet-ms is 20, 40 or 60');
  return {
    url,
    allowRemote: false,
    rooms,
    speakers: Number(settings.speakers),
    talk,
    packetTime,
    dtx: settings.dtx === '1',
    seconds: Number(settings.seconds),
    listenerProcesses: Number(settings.processes),
  };
}
