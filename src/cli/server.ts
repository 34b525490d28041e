import { createTRPCClient, httpLink, type TRPCClient, TRPCClientError } from '@trpc/client';
import type { ArgsDef } from 'citty';
import superjson from 'superjson';
import type { AppRouter } from '../routers/index.ts';

/** What every command takes. */
export const commonArgs = {
  url: {
    type: 'string',
    description: 'Address of the server; else FLYLIVE_URL',
    default: process.env['FLYLIVE_URL'] ?? 'http://127.0.0.1:3030',
    valueHint: 'address',
  },
  json: { type: 'boolean', description: 'Answer in JSON, for programs', default: false },
} as const satisfies ArgsDef;

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
    await run(connect(url));
  } catch (error) {
    const { exitCode, message } = toCommandError(error, url);
    process.stderr.write(`flylive: ${message}\n`);
    process.exitCode = exitCode;
  }
}

function connect(url: string): Server {
  const key = process.env['LARAVEL_INTERNAL_KEY'] ?? '';
  // Not an option: everybody on the machine can read the command lines of others.
  if (key === '') throw new CommandError(1, 'LARAVEL_INTERNAL_KEY must be set, to what the server has');
  if (!URL.canParse(url)) throw new CommandError(1, `--url=${url} is not an address`);
  const headers = { 'x-internal-key': key };
  const link = httpLink({ url: `${url.replace(/\/$/, '')}/trpc`, transformer: superjson, headers });
  return createTRPCClient<AppRouter>({ links: [link] });
}

function toCommandError(error: unknown, url: string): CommandError {
  if (error instanceof CommandError) return error;
  if (!(error instanceof TRPCClientError)) return new CommandError(2, String(error));
  const { data, message } = error as TRPCClientError<AppRouter>;
  if (data === null || data === undefined) return new CommandError(3, `${url} cannot be reached: ${message}`);
  return new CommandError(2, `${message} (${data.appCode})`);
}

/** @throws CommandError when the text is no whole number from 1 to `most` */
export function readCount(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= 1 && value <= most) return value;
  throw new CommandError(1, `--${name} must be a number from 1 to ${most}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
