import { createTRPCClient, createWSClient, httpLink, type TRPCClient, TRPCClientError, wsLink } from '@trpc/client';
import type { ArgsDef } from 'citty';
import superjson from 'superjson';
import type { AppRouter } from '../routers/index.ts';

/** What every command takes. */
export const commonArgs = {
  url: {
    type: 'string',
    description: 'Address of the server',
    default: process.env['FLYLIVE_URL'] ?? 'http://127.0.0.1:3030',
    valueHint: 'address',
  },
  json: { type: 'boolean', description: 'Answer in JSON, for programs', default: false },
} as const satisfies ArgsDef;

/** The room that a command is about. */
export const roomArg = {
  type: 'positional',
  description: 'Id of the room, as in flylive rooms list',
  required: true,
} as const;
/** The user that a command is about. */
export const userArg = {
  type: 'positional',
  description: 'Id of the user, a number, as in flylive participants list',
  required: true,
} as const;

/** A failure that the operator is told of in one line. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export type Server = TRPCClient<AppRouter>;

/** Runs a command on the server; says what went wrong and sets the exit code. Never throws. */
export async function withServer(url: string, run: (server: Server) => Promise<void>): Promise<void> {
  try {
    const { address, headers } = readAccess(url);
    await run(createTRPCClient<AppRouter>({ links: [httpLink({ url: address, transformer: superjson, headers })] }));
  } catch (error) {
    report(toCommandError(error, url));
  }
}

/** A server that does not take the first connection in this time cannot be reached, ms. */
const firstConnectionMs = 5_000;

/** What a command that follows something is told of its connection. */
export interface Line {
  /** Every time it is there (again). */
  readonly onOpen: () => void;
  /** Every time it is lost; it is made again by itself. */
  readonly onLost: () => void;
}

/**
 * As {@link withServer}, over a WebSocket, for what goes on until it is interrupted.
 *
 * @param run - given a promise that is rejected when the server cannot be reached in the first place
 */
export async function withLine(
  url: string,
  line: Line,
  run: (server: Server, unreachable: Promise<never>) => Promise<void>,
): Promise<void> {
  try {
    const { address, headers } = readAccess(url);
    const { promise: unreachable, reject } = Promise.withResolvers<never>();
    unreachable.catch(() => undefined);
    let opened = false;
    let done = false;
    const lost = (): void => {
      if (done) return;
      if (opened) line.onLost();
      else reject(new CommandError(3, `${url} cannot be reached`));
    };
    const patience = setTimeout(lost, firstConnectionMs);
    const ws = createWSClient({
      url: address.replace(/^http/, 'ws'),
      WebSocket: socketWith(headers),
      retryDelayMs: (attempt) => Math.min(500 * 2 ** attempt, 15_000),
      onOpen: () => {
        opened = true;
        clearTimeout(patience);
        line.onOpen();
      },
      onClose: lost,
      onError: lost,
    });
    try {
      await run(createTRPCClient<AppRouter>({ links: [wsLink({ client: ws, transformer: superjson })] }), unreachable);
    } finally {
      done = true;
      clearTimeout(patience);
      void ws.close();
    }
  } catch (error) {
    report(toCommandError(error, url));
  }
}

/** @throws CommandError when the key or the address is missing or no such thing */
function readAccess(url: string): { address: string; headers: Record<string, string> } {
  const key = process.env['LARAVEL_INTERNAL_KEY'] ?? '';
  // Not an option: everybody on the machine can read the command lines of others.
  if (key === '') throw new CommandError(1, 'LARAVEL_INTERNAL_KEY must be set, to what is in the .env of the server');
  if (!URL.canParse(url)) throw new CommandError(1, `--url=${url} is not an address`);
  return { address: `${url.replace(/\/$/, '')}/trpc`, headers: { 'x-internal-key': key } };
}

/** Node's WebSocket takes headers, which the standard that its type follows does not know. */
function socketWith(headers: Record<string, string>): typeof WebSocket {
  return class extends WebSocket {
    constructor(address: string | URL) {
      super(address, { headers } as unknown as string[]);
    }
  };
}

/** Tells the operator of a failure, and the caller by the exit code. */
export function report({ exitCode, message }: CommandError): void {
  process.stderr.write(`flylive: ${message}\n`);
  process.exitCode = exitCode;
}

function toCommandError(error: unknown, url: string): CommandError {
  if (error instanceof CommandError) return error;
  if (!(error instanceof TRPCClientError)) return new CommandError(2, String(error));
  const { data, message } = error as TRPCClientError<AppRouter>;
  if (data === null || data === undefined) {
    const reason = message === 'fetch failed' ? rootOf(error).message.trim() : 'what answers is no FlyLive server';
    return new CommandError(3, `${url} cannot be reached: ${reason}`);
  }
  if (data.appCode === 'ADMIN_KEY_REQUIRED') {
    return new CommandError(2, `LARAVEL_INTERNAL_KEY is not the key of ${url} (ADMIN_KEY_REQUIRED)`);
  }
  const wait = data.retryAfterMs === null ? '' : `; wait ${Math.ceil(data.retryAfterMs / 1_000)} s`;
  return new CommandError(2, `${message} (${data.appCode})${wait}`);
}

/** What fetch hides behind its `fetch failed`. */
function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** @throws CommandError when the text is no whole number from `least` to `most` */
export function readCount(name: string, text: string, most: number, least = 1): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= least && value <= most) return value;
  throw new CommandError(1, `--${name} must be a number from ${least} to ${most}`);
}

/** @throws CommandError when the text is no user id */
export function readUserId(text: string): number {
  const value = Number(text);
  if (/^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CommandError(1, `${text} is not a user id, which is a number`);
}

const secondsOfUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const longestDays = 3_650;

/** @returns seconds @throws CommandError when the text is no time such as 30m, 12h or 7d */
export function readDuration(name: string, text: string): number {
  const [, count, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (secondsOfUnit[unit] ?? Number.NaN);
  if (seconds <= longestDays * 86_400) return seconds;
  throw new CommandError(1, `--${name} must be a time such as 30m, 12h or 7d, ${longestDays}d at most`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Text of others without what could steer a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\u{fffd}');
}

/** Tells the operator something that is no part of the answer. */
export function printNote(line: string): void {
  process.stderr.write(`${line}\n`);
}
