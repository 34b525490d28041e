import { availableParallelism } from 'node:os';
import { defineCommand } from 'citty';
import { askStandIn, type Crowd, type CrowdSize, readTokenFile } from './load-test/crowd.ts';
import { leadsToLoopback } from './load-test/loopback.ts';
import { describe, toReport } from './load-test/report.ts';
import { runLoad } from './load-test/run.ts';
import { readServerUsage } from './load-test/usage.ts';
import { commonArgs, CommandError, print, readCount, withServer } from './server.ts';

/** What one run may ask of a server at most. */
const most = { rooms: 1_000, speakers: 30, listeners: 20_000, members: 20_000, minutes: 60, processes: 64 };
/** Listeners that one process plays without being busy itself, at 3 streams of 50 packets a second. */
const listenersPerProcess = 500;

export const loadTest = defineCommand({
  meta: {
    name: 'load-test',
    description: 'Fills rooms with speakers and listeners over real signalling and WebRTC, and says what they cost',
  },
  args: {
    ...commonArgs,
    rooms: { type: 'string', description: 'Rooms', default: '1', valueHint: `1-${most.rooms}` },
    speakers: {
      type: 'string',
      description: 'Open microphones in each room',
      default: '3',
      valueHint: `1-${most.speakers}`,
    },
    listeners: {
      type: 'string',
      description: 'Listeners in each room',
      default: '100',
      valueHint: `1-${most.listeners}`,
    },
    talk: {
      type: 'enum',
      description: 'One speaker of a room at a time, changing every 3 to 8 s, or all at once',
      options: ['conversation', 'all'],
      default: 'conversation',
    },
    minutes: { type: 'string', description: 'How long to measure', default: '1', valueHint: `0.05-${most.minutes}` },
    'packet-ms': { type: 'enum', description: 'Sound in a packet, ms', options: ['20', '40', '60'], default: '20' },
    dtx: { type: 'boolean', description: 'Speakers leave out most packets of silence', default: false },
    processes: { type: 'string', description: 'Processes that listeners are spread over; else as many as they need' },
    'stand-in': {
      type: 'string',
      description: 'Address of a stand-in for Laravel that makes users and rooms; else LARAVEL_API_URL',
      valueHint: 'address',
    },
    'token-file': { type: 'string', description: 'Tokens of users of your own, one a line', valueHint: 'file' },
    'room-ids': { type: 'string', description: 'Rooms for --token-file, with commas; else the first ones listed' },
    'allow-remote': {
      type: 'boolean',
      description: 'Put load on another machine. Ask those whom it serves',
      default: false,
    },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const rooms = readCount('rooms', args.rooms, most.rooms);
      const speakers = readCount('speakers', args.speakers, most.speakers);
      const listeners = readCount('listeners', args.listeners, most.listeners);
      const members = speakers + listeners;
      if (rooms * members > most.members) throw new CommandError(1, `${most.members} members at most, of all rooms`);
      const wanted = Math.max(Math.ceil((rooms * listeners) / listenersPerProcess), availableParallelism() - 1);
      const needed = Math.min(wanted, most.processes);
      const listenerProcesses = readCount('processes', args.processes ?? String(needed), most.processes);
      const seconds = readMinutes(args.minutes) * 60;
      await assertTarget(args.url, args['allow-remote']);

      const crowd = await gather(args, { rooms, members });
      const interrupted = new AbortController();
      const interrupt = (): void => interrupted.abort(new CommandError(2, 'interrupted'));
      process.once('SIGINT', interrupt);
      try {
        const plan = {
          url: args.url,
          allowRemote: args['allow-remote'],
          rooms: crowd.rooms,
          speakers,
          talk: args.talk,
          packetTime: packetTimes[args['packet-ms']],
          dtx: args.dtx,
          seconds,
          listenerProcesses,
        };
        const measured = await runLoad(plan, {
          readUsage: () => readServerUsage(args.url, server),
          say: (line) => {
            if (!args.json) print(line);
          },
          signal: interrupted.signal,
        });
        const report = toReport(plan, measured);
        if (args.json) print(JSON.stringify(report));
        else for (const line of describe(report)) print(line);
        if (report.joins.failed > 0 || report.gone > 0) process.exitCode = 2;
      } finally {
        process.removeListener('SIGINT', interrupt);
        await crowd.release();
      }
    }),
});

const packetTimes = { 20: 20, 40: 40, 60: 60 } as const;

/** @throws CommandError when the text is no number of minutes from 0.05 to the most */
function readMinutes(text: string): number {
  const minutes = Number(text);
  if (/^\d{1,2}(\.\d{1,3})?$/.test(text) && minutes >= 0.05 && minutes <= most.minutes) return minutes;
  throw new CommandError(1, `--minutes must be a number from 0.05 to ${most.minutes}`);
}

/** @throws CommandError when it is another machine and nobody said that it may be */
async function assertTarget(url: string, allowRemote: boolean): Promise<void> {
  if (allowRemote) return;
  const isLocal = await leadsToLoopback(url).catch(() => {
    throw new CommandError(3, `${url} cannot be reached: its host is not known`);
  });
  if (!isLocal) throw new CommandError(1, `${url} is another machine: say --allow-remote if it may be loaded`);
}

interface CrowdArgs {
  readonly url: string;
  readonly 'token-file'?: string | undefined;
  readonly 'room-ids'?: string | undefined;
  readonly 'stand-in'?: string | undefined;
}

function gather(args: CrowdArgs, size: CrowdSize): Promise<Crowd> {
  const file = args['token-file'];
  if (file !== undefined) {
    const ids = (args['room-ids'] ?? '').split(',').flatMap((id) => id.trim() || []);
    return readTokenFile(file, args.url, ids, size);
  }
  const standIn = args['stand-in'] ?? process.env['LARAVEL_API_URL'] ?? '';
  if (!URL.canParse(standIn)) throw new CommandError(1, 'name a --token-file, or the address of a --stand-in');
  return askStandIn(standIn, process.env['LARAVEL_INTERNAL_KEY'] ?? '', size);
}
