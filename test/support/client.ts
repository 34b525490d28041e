import { setTimeout as sleep } from 'node:timers/promises';
import { createTRPCClient, createWSClient, type TRPCClient, TRPCClientError, wsLink } from '@trpc/client';
import superjson from 'superjson';
import { WebSocket } from 'ws';
import type { AppCode } from '../../src/core/errors.ts';
import type { AppRouter } from '../../src/routers/index.ts';

/** A stock tRPC client over one WebSocket. */
export interface TestClient extends AsyncDisposable {
  readonly trpc: TRPCClient<AppRouter>;
  /** The open socket, if there is one. */
  readonly socket: () => WebSocket | null;
  /** How the first socket ended. */
  readonly ended: Promise<{ readonly code: number; readonly reason: string }>;
  /** Ends the TCP connection without a closing handshake, as a lost network does; the client does not come back. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * Connects as the user of a token.
 *
 * @param origin - the `Origin` that a browser would send; none by default
 * @param forwardedFor - the address that a proxy would say the client has; none by default
 */
export function connect(
  url: string,
  token: string | null,
  { origin, forwardedFor }: { origin?: string | undefined; forwardedFor?: string | undefined } = {},
): TestClient {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  let end: (how: { code: number; reason: string }) => void = () => undefined;
  const ended = new Promise<{ code: number; reason: string }>((resolve) => (end = resolve));
  const sockets: WebSocket[] = [];
  class ClientSocket extends WebSocket {
    constructor(address: string) {
      super(address, { headers, ...(origin === undefined ? {} : { origin }) });
      sockets.push(this);
      this.on('close', (code: number, reason: Buffer) => end({ code, reason: reason.toString() }));
      // A refused upgrade; the client sees the close that follows.
      this.on('error', () => undefined);
    }
  }
  const ws = createWSClient({
    url: `${url.replace(/^http/, 'ws')}/trpc`,
    connectionParams: token === null ? null : { token },
    retryDelayMs: () => 50,
    WebSocket: ClientSocket as unknown as typeof globalThis.WebSocket,
  });
  const trpc = createTRPCClient<AppRouter>({ links: [wsLink({ client: ws, transformer: superjson })] });
  const close = async (): Promise<void> => {
    // A call that was never answered must not hold up the end of a test.
    await Promise.race([ws.close(), sleep(1_000, undefined, { ref: false })]);
    terminate();
  };
  const terminate = (): void => sockets.forEach((socket) => socket.terminate());
  return {
    trpc,
    socket: () => sockets.find(({ readyState }) => readyState === WebSocket.OPEN) ?? null,
    ended,
    cut: () => {
      void ws.close();
      terminate();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What a client learns of a refused call. */
export interface Refusal {
  readonly code: AppCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | null;
  /** Of `BANNED`, where the server says so. */
  readonly until?: number | null | undefined;
  readonly reason?: string | null | undefined;
}

/** The typed error that a call was refused with. @throws whatever else it failed with, or when it was not refused */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    const refused = toRefusal(error);
    if (refused !== null) return refused;
    throw error;
  }
  throw new Error('The call was not refused');
}

/** The code of the typed error that a call was refused with. */
export async function refusalOf(call: Promise<unknown>): Promise<AppCode> {
  return (await refusal(call)).code;
}

/** @returns null for an error that is not the server's, such as a lost socket */
export function toRefusal(error: unknown): Refusal | null {
  if (!(error instanceof TRPCClientError)) return null;
  const { data, message } = error as TRPCClientError<AppRouter>;
  if (data === null || data === undefined) return null;
  const { appCode: code, retryable, retryAfterMs, until, reason } = data;
  return { code, message, retryable, retryAfterMs, until, reason };
}
