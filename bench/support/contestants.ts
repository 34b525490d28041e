import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { roomIdSchema } from '../../src/core/ids.ts';
import { roomChatKey } from '../../src/services/redis/keys.ts';
import { Scripts } from '../../src/services/redis/scripts.ts';
import { RoomStore } from '../../src/services/room-store.ts';
import { addRoom, enter } from '../../test/support/members.ts';
import { type ProcessUsage, readUsage } from '../../test/support/process-usage.ts';
import { startTestServer, type TestServer } from '../../test/support/server.ts';
import type { CallResult, ClientReply, ClientRequest, Protocol, ServerReply, ServerRequest } from './messages.ts';

/** A server that is measured, in a process of its own. */
export interface Contestant extends AsyncDisposable {
  readonly name: string;
  readonly protocol: Protocol;
  readonly url: string;
  /** Has events delivered to every client of the room; the texts are the same for all contestants. */
  publish(events: readonly string[]): Promise<unknown>;
  usage(): Promise<ProcessUsage>;
}

/** Clients of one contestant, in a process of their own. */
export interface Clients extends Disposable {
  /** Connects and subscribes that many more. */
  open(count: number): Promise<void>;
  /** When that many more events have arrived in all, ms since the epoch. */
  arrival(events: number): Promise<number>;
  pause(count: number): Promise<void>;
  call(seconds: number): Promise<CallResult>;
}

/** Options of Node.js for servers whose memory is measured; the same for all contestants. */
const countMemory = ['--expose-gc', '--import', new URL('collect-often.ts', import.meta.url).href];
const eventLogLength = 100_000;
const noLimits = {
  RATE_LIMIT_CALLS_PER_SECOND: '1000000',
  RATE_LIMIT_MESSAGES_PER_MINUTE: '100000',
  MAX_CONNECTIONS_PER_ADDRESS: '100000',
  ROOM_EVENT_LOG_LENGTH: String(eventLogLength),
};

/** What all contestants share: Redis, users, a room with a message in its history. */
export interface Stage extends AsyncDisposable {
  readonly server: TestServer;
  readonly roomId: string;
  readonly flylive: () => Promise<Contestant>;
  readonly ws: () => Promise<Contestant>;
  readonly socketIo: () => Promise<Contestant>;
  clientsOf(contestant: Contestant, options?: { readonly distinctIds?: boolean }): Clients;
}

/** @param options.memory - memory will be measured, so the servers collect garbage every second */
export async function startStage({ memory = false }: { readonly memory?: boolean } = {}): Promise<Stage> {
  const nodeOptions = memory ? countMemory : [];
  const server = await startTestServer({ env: { MEDIASOUP_WORKERS: '1', MAX_CLIENTS_PER_ROOM: '100000' } });
  const roomId = addRoom(server);
  const room = roomIdSchema.parse(roomId);
  // Keeps the room open, and has said something.
  const host = await enter(server, roomId);
  await host.trpc.chat.send.mutate({ roomId, content: 'Welcome' });
  const store = new RoomStore(server.store, new Scripts(server.store, eventLogLength));
  const plainArguments = [String(server.redis.port), roomChatKey(room)];

  return {
    server,
    roomId,
    flylive: async () => {
      const target = await server.startProcess({
        ...noLimits,
        MAX_CLIENTS_PER_ROOM: '100000',
        NODE_OPTIONS: nodeOptions.join(' '),
      });
      return {
        name: 'FlyLive',
        protocol: 'flylive',
        url: target.url,
        publish: (events) => Promise.all(events.map((event) => store.announceGift(room, null, event))),
        usage: () => readUsage(target.url),
        [Symbol.asyncDispose]: () => target.kill(),
      };
    },
    ws: () => startPlain('ws', forkProcess('ws-server.ts', plainArguments, nodeOptions)),
    socketIo: () => startPlain('socket.io', forkProcess('socket-io-server.ts', plainArguments, nodeOptions)),
    clientsOf: ({ protocol, url }, { distinctIds = false } = {}) => {
      const child = forkProcess('clients-process.ts');
      const ask = (request: ClientRequest): Promise<ClientReply> => askProcess(child, request);
      return {
        open: async (count) => {
          const needsUser = protocol === 'flylive';
          const tokens = Array.from({ length: count }, () =>
            needsUser ? server.laravel.addUser({ name: 'A' }).token : '',
          );
          await ask({ type: 'open', protocol, url, tokens, roomId, distinctIds });
        },
        arrival: async (events) => ((await ask({ type: 'await', events })) as { at: number }).at,
        pause: async (count) => {
          await ask({ type: 'pause', clients: count });
        },
        call: async (seconds) => (await ask({ type: 'call', seconds })) as CallResult,
        [Symbol.dispose]: () => void child.kill('SIGKILL'),
      };
    },
    [Symbol.asyncDispose]: async () => {
      await host.client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function startPlain(protocol: 'ws' | 'socket.io', child: ChildProcess): Promise<Contestant> {
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  let asked: Promise<unknown> = Promise.resolve();
  const ask = (request: ServerRequest): Promise<ServerReply> => {
    const answer = asked.then(() => askProcess<ServerReply>(child, request));
    asked = answer;
    return answer;
  };
  return {
    name: protocol === 'ws' ? 'raw ws' : 'Socket.IO',
    protocol,
    url: `http://127.0.0.1:${port}`,
    publish: (events) => ask({ type: 'publish', events }),
    usage: async () => ((await ask({ type: 'usage' })) as { usage: ProcessUsage }).usage,
    [Symbol.asyncDispose]: async () => void child.kill('SIGKILL'),
  };
}

function forkProcess(file: string, args: readonly string[] = [], execArgv: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: [...execArgv] });
}

/** One question at a time: an answer does not say which one it is to. */
async function askProcess<Reply>(child: ChildProcess, request: object): Promise<Reply> {
  child.send(request);
  const [reply] = (await once(child, 'message')) as [Reply];
  return reply;
}
