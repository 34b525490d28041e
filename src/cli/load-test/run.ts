import { setTimeout as delay } from 'node:timers/promises';
import { ClientProcess } from './client-process.ts';
import type { ClientCounts, JoinResult, MemberPlan } from './messages.ts';
import type { PacketTime, TalkPattern } from './talk.ts';
import type { ServerUsage } from './usage.ts';

export interface LoadPlan {
  readonly url: string;
  readonly allowRemote: boolean;
  /** Rooms with the tokens of those who join, the speakers' first. */
  readonly rooms: readonly { readonly id: string; readonly tokens: readonly string[] }[];
  /** In each room. */
  readonly speakers: number;
  readonly talk: TalkPattern;
  readonly packetTime: PacketTime;
  /** Whether speakers leave out most packets of silence. */
  readonly dtx: boolean;
  /** How long is measured, once everybody is in and has settled, s. */
  readonly seconds: number;
  /** Processes that listeners are spread over; speakers have one of their own. */
  readonly listenerProcesses: number;
}

/** What goes on meanwhile: what the server has used so far, and where progress is told. */
export interface LoadRunOptions {
  readonly readUsage: () => Promise<ServerUsage>;
  readonly say: (line: string) => void;
  /** Awaited when everybody is in, before anything is measured; by default a few seconds, until the rush is over. */
  readonly settle?: () => Promise<unknown>;
  /** Ends the run early, as Ctrl-C does. */
  readonly signal?: AbortSignal;
}

export interface LoadMeasurement {
  /** Of all members, how they got in. */
  readonly speakers: JoinResult;
  readonly listeners: JoinResult;
  /** From the first listener's start to the last one's end, s. */
  readonly listenersSeconds: number;
  /** Of what was measured, s. */
  readonly seconds: number;
  /** RTP packets in that time: sent to the server, received from it, of them by listeners, missing. */
  readonly sent: number;
  readonly received: number;
  readonly receivedByListeners: number;
  readonly lost: number;
  /** Listeners to whom nothing came in that time. */
  readonly deaf: number;
  /** Members who were lost until the end. */
  readonly gone: number;
  /** CPU time of each client process in that time, share of a core. */
  readonly clientCores: readonly number[];
  /** The server's before listeners came, and around what was measured. */
  readonly usage: { readonly empty: ServerUsage; readonly begin: ServerUsage; readonly end: ServerUsage };
}

/** Joins at a time in each process. */
const parallelJoins = 10;
/** Until the rush of joining is over, ms. */
const settleMs = 4_000;

/**
 * Has speakers talk and listeners listen, and measures for a while.
 *
 * @throws Error when a client process dies or the server does not say what it has used; AbortError on the signal
 */
export async function runLoad(plan: LoadPlan, options: LoadRunOptions): Promise<LoadMeasurement> {
  const { readUsage, say, signal, settle = () => delay(settleMs, undefined, { signal }) } = options;
  // A server that does not say what it has used is better found out now.
  await readUsage();
  using stack = new DisposableStack();
  const processes = (await Promise.all(divide(plan).map((share) => startProcess(plan, share)))).map((started) =>
    stack.use(started),
  );
  try {
    const speakers = await joinAll(processes, 'speak');
    const hearing = await joinAll(processes, 'hear');
    say(`${speakers.joinMs.length} speakers are in`);
    signal?.throwIfAborted();
    const empty = await readUsage();
    const startedAt = performance.now();
    const listeners = await joinAll(processes, 'listen');
    const listenersSeconds = (performance.now() - startedAt) / 1_000;
    say(`${listeners.joinMs.length} listeners are in`);
    await settle();

    const begin = await readUsage();
    const before = await countAll(processes);
    const beganAt = performance.now();
    await delay(plan.seconds * 1_000, undefined, { signal });
    const after = await countAll(processes);
    const seconds = (performance.now() - beganAt) / 1_000;
    const end = await readUsage();

    const sum = (key: keyof ClientCounts): number =>
      after.reduce((total, counts, index) => total + counts[key] - (before[index]?.[key] ?? 0), 0);
    return {
      speakers: { ...speakers, failures: merge([speakers.failures, hearing.failures]) },
      listeners,
      listenersSeconds,
      seconds,
      sent: sum('sent'),
      received: sum('received'),
      receivedByListeners: sum('receivedByListeners'),
      lost: sum('lost'),
      deaf: after.reduce((total, { deaf }) => total + deaf, 0),
      gone: after.reduce((total, { gone }) => total + gone, 0),
      clientCores: after.map(({ cpu }, index) => (cpu - (before[index]?.cpu ?? 0)) / 1e6 / seconds),
      usage: { empty, begin, end },
    };
  } finally {
    await Promise.allSettled(processes.map((clients) => clients.leave()));
  }
}

interface Share {
  readonly speakers: MemberPlan[];
  readonly listeners: MemberPlan[];
}

/** Speakers in the first process, since their packets must be on time, and listeners over the others. */
function divide({ rooms, speakers, listenerProcesses }: LoadPlan): Share[] {
  const first: Share = { speakers: [], listeners: [] };
  const others = Array.from({ length: listenerProcesses }, (): Share => ({ speakers: [], listeners: [] }));
  let next = 0;
  for (const { id: roomId, tokens } of rooms) {
    for (const [index, token] of tokens.entries()) {
      if (index < speakers) first.speakers.push({ token, roomId });
      else others[next++ % others.length]?.listeners.push({ token, roomId });
    }
  }
  return [first, ...others.filter(({ listeners }) => listeners.length > 0)];
}

function startProcess(plan: LoadPlan, share: Share): Promise<ClientProcess> {
  const { url, allowRemote, talk, packetTime, dtx } = plan;
  return ClientProcess.start({ url, allowRemote, talk, packetTime, dtx, parallel: parallelJoins, ...share });
}

async function joinAll(processes: readonly ClientProcess[], step: 'speak' | 'hear' | 'listen'): Promise<JoinResult> {
  const results = await Promise.all(processes.map((clients) => clients.join(step)));
  return {
    joinMs: results.flatMap(({ joinMs }) => joinMs),
    failures: merge(results.map(({ failures }) => failures)),
  };
}

function countAll(processes: readonly ClientProcess[]): Promise<ClientCounts[]> {
  return Promise.all(processes.map((clients) => clients.count()));
}

function merge(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const [message, count] of all.flatMap((failures) => Object.entries(failures))) {
    merged[message] = (merged[message] ?? 0) + count;
  }
  return merged;
}
