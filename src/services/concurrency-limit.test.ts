import { describe, expect, it } from 'vitest';
import { AppError } from '../core/errors.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';

/** A task that ends when it is told to. */
function makeTask(name: string, begun: string[]) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const run = (): Promise<string> => {
    begun.push(name);
    return promise;
  };
  return { run, end: () => resolve(name), fail: () => reject(new Error(name)) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ConcurrencyLimit', () => {
  it('runs so many at a time and the others in the order they came', async () => {
    const limit = new ConcurrencyLimit(2, 1_000);
    const begun: string[] = [];
    const tasks = ['a', 'b', 'c', 'd'].map((name) => makeTask(name, begun));
    const results = tasks.map(({ run }) => limit.run(run));
    await turn();
    expect(begun).toEqual(['a', 'b']);
    tasks[1]?.end();
    await turn();
    expect(begun).toEqual(['a', 'b', 'c']);
    for (const task of tasks) task.end();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives the place of a task that failed to the next one', async () => {
    const limit = new ConcurrencyLimit(1, 1_000);
    const begun: string[] = [];
    const [first, second] = [makeTask('first', begun), makeTask('second', begun)];
    const results = Promise.allSettled([limit.run(first.run), limit.run(second.run)]);
    first.fail();
    second.end();
    expect((await results).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  it('refuses a task that has waited too long, and never begins it', async () => {
    const limit = new ConcurrencyLimit(1, 20);
    const begun: string[] = [];
    const [first, late, next] = ['first', 'late', 'next'].map((name) => makeTask(name, begun));
    const running = limit.run(first?.run ?? expect.unreachable());
    await expect(limit.run(late?.run ?? expect.unreachable())).rejects.toEqual(new AppError('SERVICE_UNAVAILABLE'));
    const waiting = limit.run(next?.run ?? expect.unreachable());
    first?.end();
    next?.end();
    expect(await Promise.all([running, waiting])).toEqual(['first', 'next']);
    expect(begun).toEqual(['first', 'next']);
  });

  it('has all its places again after a storm', async () => {
    const limit = new ConcurrencyLimit(3, 1_000);
    let running = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await turn();
      running -= 1;
    };
    for (let round = 0; round < 3; round += 1) await Promise.all(Array.from({ length: 50 }, () => limit.run(task)));
    expect(most).toBe(3);
    expect(running).toBe(0);
  });
});
