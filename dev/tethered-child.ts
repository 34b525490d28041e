import { spawn } from 'node:child_process';
import type { StdioOptions } from 'node:child_process';
import type { Readable } from 'node:stream';

/** A child process that cannot outlive the process that started it. */
export interface TetheredChild {
  /** Id of the child's process group; the child has its own, so Ctrl-C in the terminal does not reach it. */
  readonly pid: number | undefined;
  /** Null unless `output` is `pipe`. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Settles when the child has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** SIGTERM, and SIGKILL to the whole group after the grace time. Idempotent. */
  stop(): Promise<ChildExit>;
}

/** How a child ended: its exit code (128 + n when signal n ended it), or null when it had to be killed. */
export interface ChildExit {
  readonly code: number | null;
}

export interface TetheredChildOptions {
  /** Time between SIGTERM and SIGKILL, ms (in steps of 100). */
  readonly graceMs: number;
  /** Working directory; this process's by default. */
  readonly cwd?: string;
  /** The child's whole environment; this process's by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Where stdout and stderr go. */
  readonly output: 'pipe' | 'inherit' | 'ignore';
}

/** Exit code of a command that does not exist (POSIX shells). */
export const COMMAND_NOT_FOUND = 127;

/**
 * The shell waits for the child, and beside it for the end of a pipe whose other end this process holds. The kernel
 * closes that end even when this process is killed with SIGKILL, so one mechanism serves `stop()` and every death.
 * What the child leaves behind (npm's script, say) ends with it, and so does the watching subshell.
 */
const tether = `
grace=$1; shift
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
{
  trap 'exit 0' TERM
  read -r nothing <&3
  kill -TERM "$child"
  while [ "$grace" -gt 0 ]; do
    sleep 0.1
    kill -0 "$child" || exit 0
    grace=$((grace - 1))
  done
  kill -KILL -$$
} >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"
code=$?
trap '' TERM
kill -TERM -$$ 2>/dev/null
wait "$watcher"
exit "$code"
`;

/**
 * Starts a command in its own process group, tied to the life of this process.
 *
 * A command that does not exist ends with {@link COMMAND_NOT_FOUND}.
 */
export function spawnTethered(command: string, args: readonly string[], options: TetheredChildOptions): TetheredChild {
  const stdio: StdioOptions = ['pipe', options.output, options.output];
  const graceSteps = Math.ceil(options.graceMs / 100);
  const child = spawn('sh', ['-c', tether, 'tether', String(graceSteps), command, ...args], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio,
  });
  const exited = new Promise<ChildExit>((resolve) => {
    child.once('exit', (code) => resolve({ code }));
    child.once('error', () => resolve({ code: COMMAND_NOT_FOUND }));
  });
  // Closing a pipe whose reader is gone already is no fault.
  child.stdin?.on('error', () => undefined);
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    stop() {
      child.stdin?.end();
      return exited;
    },
  };
}
