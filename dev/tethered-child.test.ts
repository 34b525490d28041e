import { once } from 'node:events';
import { expect, test } from 'vitest';
import { COMMAND_NOT_FOUND, spawnTethered } from './tethered-child.ts';

test("answers the child's exit code", async () => {
  const child = spawnTethered('sh', ['-c', 'exit 7'], { graceMs: 1_000, output: 'ignore' });
  expect(await child.exited).toEqual({ code: 7 });
});

test('passes arguments on as they are', async () => {
  const child = spawnTethered('printf', ['%s|', 'two words', '', '$HOME'], { graceMs: 1_000, output: 'pipe' });
  const [printed] = await once(child.stdout!.setEncoding('utf8'), 'data');
  expect(printed).toBe('two words||$HOME|');
});

test('tells a missing command apart', async () => {
  const child = spawnTethered('no-such-command', [], { graceMs: 1_000, output: 'ignore' });
  expect(await child.exited).toEqual({ code: COMMAND_NOT_FOUND });
});

test('stop() asks with SIGTERM and waits for the end', async () => {
  const program =
    "process.on('SIGTERM', () => setTimeout(() => process.exit(3), 200)); console.log('up'); setInterval(() => {}, 1e3)";
  const child = spawnTethered(process.execPath, ['-e', program], { graceMs: 5_000, output: 'pipe' });
  await once(child.stdout!, 'data');
  expect(await child.stop()).toEqual({ code: 3 });
  expect(await child.stop()).toEqual({ code: 3 });
});

test('stop() kills the whole group of a child that ignores SIGTERM', async () => {
  const program = 'trap "" TERM; sleep 60 & echo up; while :; do sleep 1; done';
  const child = spawnTethered('sh', ['-c', program], { graceMs: 300, output: 'pipe' });
  const stdout = child.stdout!.setEncoding('utf8');
  await once(stdout, 'data');
  // The stream ends when every process that can write to it is gone, the grandchild too.
  const allGone = once(stdout, 'end');
  const startedAt = Date.now();
  expect(await child.stop()).toEqual({ code: null });
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(250);
  await allGone;
});

test('ends what the child started and left behind', async () => {
  const child = spawnTethered('sh', ['-c', 'sleep 60 & exit 5'], { graceMs: 1_000, output: 'pipe' });
  const allGone = once(child.stdout!.resume(), 'end');
  expect(await child.exited).toEqual({ code: 5 });
  await allGone;
});
