/** npm passes the terminal's Ctrl-C on, so one key press arrives twice; only a later one means impatience. */
const SECOND_SIGNAL_MS = 1_000;
const PARENT_CHECK_MS = 1_000;

/** A signal that is aborted when this process is asked to stop, by a signal or by the end of the npm that runs it. */
export function listenForStop(): AbortSignal {
  const stop = new AbortController();
  let firstAt: number | null = null;
  const onSignal = (): void => {
    firstAt ??= Date.now();
    // The children end with this process, whichever way it ends.
    if (Date.now() - firstAt > SECOND_SIGNAL_MS) process.exit(130);
    stop.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);

  // npm's shell does not pass a SIGTERM on; that it is gone shows in the parent's id.
  const parent = process.ppid;
  if (process.env['npm_lifecycle_event'] !== undefined) {
    setInterval(() => {
      if (process.ppid !== parent) stop.abort();
    }, PARENT_CHECK_MS).unref();
  }
  return stop.signal;
}

/** Resolves once the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}
