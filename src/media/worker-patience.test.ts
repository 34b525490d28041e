import { describe, expect, it } from 'vitest';
import { hangs, type PatientlyWatched } from './worker-patience.ts';

const patience = { idleMs: 3_000, busyMs: 15_000 };

/** A worker that answers after a time, in which it has the CPU for a share of the time; its clock moves as it is asked. */
function workerThat({ answersAfterMs, share }: { answersAfterMs: number; share: number | undefined }) {
  let now = 0;
  const worker: PatientlyWatched = {
    answers: async (withinMs) => {
      const isInTime = answersAfterMs <= now + withinMs;
      now = Math.min(now + withinMs, answersAfterMs);
      return isInTime;
    },
    cpuMs: async () => (share === undefined ? undefined : now * share),
  };
  return { worker, waitedMs: () => now };
}

describe('whether a worker hangs', () => {
  it.each([
    { is: 'quick', answersAfterMs: 5, share: 0, hangs: false, waitedMs: 5 },
    { is: 'stopped', answersAfterMs: Infinity, share: 0, hangs: true, waitedMs: 3_000 },
    { is: 'busy', answersAfterMs: 9_000, share: 0.9, hangs: false, waitedMs: 9_000 },
    { is: 'busy beside others', answersAfterMs: 9_000, share: 0.2, hangs: false, waitedMs: 9_000 },
    { is: 'running in circles', answersAfterMs: Infinity, share: 1, hangs: true, waitedMs: 15_000 },
    { is: 'not known to be busy', answersAfterMs: 9_000, share: undefined, hangs: true, waitedMs: 3_000 },
  ])('$is', async ({ answersAfterMs, share, hangs: expected, waitedMs }) => {
    const { worker, waitedMs: waited } = workerThat({ answersAfterMs, share });
    expect(await hangs(worker, patience)).toBe(expected);
    expect(waited()).toBe(waitedMs);
  });
});
