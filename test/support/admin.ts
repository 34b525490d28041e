import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createTRPCClient, createWSClient, httpLink, type TRPCClient, wsLink } from '@trpc/client';
import type { inferRouterOutputs } from '@trpc/server';
import superjson from 'superjson';
import { WebSocket } from 'ws';
import type { AppRouter } from '../../src/routers/index.ts';

export type WorkerReport = inferRouterOutputs<AppRouter>['admin']['workers'][number];

/** A client as admin tools have: over HTTP, with the internal key. */
export function connectOperator(url: string, internalKey: string): TRPCClient<AppRouter> {
  const headers = { 'x-internal-key': internalKey };
  return createTRPCClient<AppRouter>({ links: [httpLink({ url: `${url}/trpc`, transformer: superjson, headers })] });
}

/** The same over a WebSocket, without a token. */
export function connectOperatorBySocket(
  url: string,
  internalKey: string,
): { readonly trpc: TRPCClient<AppRouter>; readonly cut: () => void } & AsyncDisposable {
  const sockets: WebSocket[] = [];
  class OperatorSocket extends WebSocket {
    constructor(address: string) {
      super(address, { headers: { 'x-internal-key': internalKey } });
      sockets.push(this);
    }
  }
  const ws = createWSClient({
    url: `${url.replace(/^http/, 'ws')}/trpc`,
    retryDelayMs: () => 50,
    WebSocket: OperatorSocket as unknown as typeof globalThis.WebSocket,
  });
  const cut = (): void => sockets.forEach((socket) => socket.terminate());
  return {
    trpc: createTRPCClient<AppRouter>({ links: [wsLink({ client: ws, transformer: superjson })] }),
    cut,
    [Symbol.asyncDispose]: async () => {
      void ws.close();
      cut();
      await Promise.resolve();
    },
  };
}

/** The program itself. */
export const commandLine = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** What a run of the command line came to. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line on a server. */
export function flylive(url: string, internalKey: string, ...args: string[]): Promise<CommandResult> {
  const env = { ...process.env, FLYLIVE_URL: url, LARAVEL_INTERNAL_KEY: internalKey };
  return new Promise((resolve) => {
    execFile(process.execPath, [commandLine, ...args], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

/** Asks a server for its workers. */
export async function askWorkers(url: string, internalKey: string): Promise<WorkerReport[]> {
  return connectOperator(url, internalKey).admin.workers.query();
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
