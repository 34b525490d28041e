/**
 * What our server adds to what mediasoup costs: the load tester's load through the server, and the same load through a
 * bare worker. `node bench/media.ts --help` lists the options.
 *
 * Everything shares the machine. CPU time is counted per process, so it holds on a small machine too, as long as no
 * process is at its limit.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describe, type LoadReport, toReport } from '../src/cli/load-test/report.ts';
import { type LoadPlan, runLoad } from '../src/cli/load-test/run.ts';
import { type ServerUsage } from '../src/cli/load-test/usage.ts';
import { askWorkers } from '../test/support/admin.ts';
import { addRoom } from '../test/support/members.ts';
import { readUsage } from '../test/support/process-usage.ts';
import { startTestServer } from '../test/support/server.ts';

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string', default: 'ours,bare' },
    rooms: { type: 'string', default: '1' },
    speakers: { type: 'string', default: '15' },
    listeners: { type: 'string', default: '400' },
    talk: { type: 'string', default: 'all' },
    'packet-ms': { type: 'string', default: '20' },
    seconds: { type: 'string', default: '20' },
    workers: { type: 'string', default: '2' },
    forwarded: { type: 'string', default: '3' },
    'streams-per-router': { type: 'string', default: '1500' },
    processes: { type: 'string', default: '1' },
  },
});
if (options.help) {
  console.log('node bench/media.ts [--only ours|bare] [--rooms 1] [--speakers 15] [--listeners 400]');
  console.log('  [--talk all|conversation] [--packet-ms 20|40|60] [--seconds 20] [--workers 2]');
  console.log('  [--forwarded 3, 0: all] [--streams-per-router 1500] [--processes 1, of listeners]');
  process.exit();
}
const speakers = Number(options.speakers);
const listeners = Number(options.listeners);
const roomCount = Number(options.rooms);
const forwarded = Number(options.forwarded) === 0 ? speakers : Math.min(Number(options.forwarded), speakers);
const { talk } = options;
const packetTime = Number(options['packet-ms']);
assert(talk === 'all' || talk === 'conversation', '--talk is all or conversation');
assert(packetTime === 20 || packetTime === 40 || packetTime === 60, '--packet-ms is 20, 40 or 60');

const rest = {
  allowRemote: false,
  speakers,
  talk,
  packetTime,
  seconds: Number(options.seconds),
  listenerProcesses: Number(options.processes),
} as const;
const say = (line: string): void => console.log(`  ${line}`);

const ours = options.only.includes('ours') ? await measureOurs() : null;
const bare = options.only.includes('bare') ? await measureBare() : null;
if (ours && bare) {
  const { workerUsPerPacket } = ours.cpu;
  const overhead = (workerUsPerPacket / bare.cpu.workerUsPerPacket - 1) * 100;
  console.log(`Our workers use ${overhead.toFixed(1)} % more CPU time for a packet than the bare worker`);
}

async function measureOurs(): Promise<LoadReport> {
  console.log(`FlyLive, ${options.workers} workers, MAX_FORWARDED_SPEAKERS=${options.forwarded}`);
  await using server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1' } });
  const target = await server.startProcess({
    MEDIASOUP_WORKERS: options.workers,
    MAX_FORWARDED_SPEAKERS: options.forwarded,
    MAX_STREAMS_PER_ROUTER: options['streams-per-router'],
  });
  const rooms = Array.from({ length: roomCount }, () => ({
    id: addRoom(server, { seatCount: 30 }),
    tokens: Array.from({ length: speakers + listeners }, () => server.laravel.addUser({ name: 'A' }).token),
  }));
  const plan: LoadPlan = { ...rest, url: target.url, rooms };
  const readOurs = async (): Promise<ServerUsage> => {
    const [workers, node] = await Promise.all([askWorkers(target.url, server.internalKey), readUsage(target.url)]);
    return {
      node: { cpu: node.cpu, memory: node.rss },
      workers: workers.map(({ cpu, maxRss }) => ({ cpu: (cpu.user + cpu.system) * 1_000, memory: maxRss * 1_024 })),
    };
  };
  const report = toReport(plan, await runLoad(plan, { readUsage: readOurs, say }));
  for (const line of describe(report)) say(line);
  return report;
}

async function measureBare(): Promise<LoadReport> {
  console.log(`mediasoup alone, 1 worker, 1 router, ${forwarded} streams a listener`);
  const child = fork(fileURLToPath(new URL('support/bare-media-server.ts', import.meta.url)), [String(forwarded)]);
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const tokens = Array.from({ length: speakers + listeners }, (_, index) => String(index));
    const plan: LoadPlan = { ...rest, url: `http://127.0.0.1:${port}`, rooms: [{ id: '1', tokens }] };
    const readBare = async (): Promise<ServerUsage> => {
      child.send('usage');
      return ((await once(child, 'message')) as [{ usage: ServerUsage }])[0].usage;
    };
    const report = toReport(plan, await runLoad(plan, { readUsage: readBare, say }));
    for (const line of describe(report)) say(line);
    return report;
  } finally {
    child.kill('SIGKILL');
  }
}
