/** What is asked of a worker to tell whether it hangs. */
export interface PatientlyWatched {
  /** Whether it answers a question within a time, ms. */
  answers(withinMs: number): Promise<boolean>;
  /** CPU time that it has used, ms; undefined where that is not known. */
  cpuMs(): Promise<number | undefined>;
}

/** How long a worker may leave a question unanswered. */
export interface Patience {
  /** While it does nothing, ms. Default: 3 s. */
  readonly idleMs: number;
  /** While it is busy, ms; more than `idleMs`. Default: 15 s. */
  readonly busyMs: number;
}

/** The part of the time in which a busy worker has the CPU, even one that shares a core with others. */
const busyShare = 0.1;

/**
 * Whether a worker has to be replaced.
 *
 * One that has more to do than it can is let be: to kill it would cost all its listeners their audio, and their return
 * would be the next rush. One that stands still is not waited for, one that is busy for too long runs in circles.
 *
 * @returns false as soon as it answers; true after `idleMs` or `busyMs`
 */
export async function hangs(worker: PatientlyWatched, { idleMs, busyMs }: Patience): Promise<boolean> {
  const before = await worker.cpuMs();
  if (await worker.answers(idleMs)) return false;
  const after = await worker.cpuMs();
  const isBusy = before !== undefined && after !== undefined && after - before > idleMs * busyShare;
  return !isBusy || !(await worker.answers(busyMs - idleMs));
}
