import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createProgress, elapsed } from './progress.mjs';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Runs a step of 25 seconds that reports what it does after 15. */
async function show(isTTY, env) {
  let written = '';
  const stream = { isTTY, columns: 80, write: (text) => (written += text) };
  const done = createProgress(stream, env).step('Building', async (report) => {
    await new Promise((resume) => setTimeout(resume, 15_000));
    report('7 of 9 files');
    await new Promise((resume) => setTimeout(resume, 10_000));
  });
  await vi.advanceTimersByTimeAsync(25_000);
  await done;
  return written;
}

it('writes a line every ten seconds where there is no terminal', async () => {
  const lines = ['Building ...', 'Building (10 s)', 'Building (20 s, 7 of 9 files)', 'Building: done (25 s)', ''];
  expect(await show(false, {})).toBe(lines.join('\n'));
});

it('writes no control codes in CI', async () => {
  expect(await show(true, { CI: 'true' })).not.toMatch(/[\r\x1b]/);
});

it('updates one line on a terminal', async () => {
  const written = await show(true, {});
  expect(written.split('\n')).toHaveLength(2);
  expect(written).toContain('\r\x1b[KBuilding (20 s, 7 of 9 files)');
});

it('tells the time as people do', () => {
  expect(elapsed(6_600)).toBe('7 s');
  expect(elapsed(125_000)).toBe('2 min 05 s');
});
