import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FlyLiveError } from './errors.ts';
import { localError } from './errors.ts';
import { Reconciler } from './reconciler.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('Reconciler', () => {
  it('runs one step at a time and once more for any number of kicks during it', async () => {
    let running = 0;
    let most = 0;
    const step = vi.fn(async () => {
      most = Math.max(most, (running += 1));
      await vi.advanceTimersByTimeAsync(0);
      running -= 1;
    });
    const reconciler = new Reconciler(step, () => undefined);
    reconciler.kick();
    reconciler.kick();
    reconciler.kick();
    await vi.runAllTimersAsync();
    expect(most).toBe(1);
    expect(step).toHaveBeenCalledTimes(2);
  });

  it('repeats a step that failed in a retryable way', async () => {
    const step = vi.fn().mockRejectedValueOnce(localError('TIMED_OUT')).mockResolvedValue(undefined);
    new Reconciler(step, () => undefined).kick();
    await vi.runAllTimersAsync();
    expect(step).toHaveBeenCalledTimes(2);
  });

  it('cuts the back-off short when it is kicked', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.99);
    const step = vi.fn().mockRejectedValueOnce(localError('TIMED_OUT')).mockResolvedValue(undefined);
    const reconciler = new Reconciler(step, () => undefined);
    reconciler.kick();
    await vi.advanceTimersByTimeAsync(10);
    expect(step).toHaveBeenCalledTimes(1);
    reconciler.kick();
    await vi.advanceTimersByTimeAsync(0);
    expect(step).toHaveBeenCalledTimes(2);
    vi.restoreAllMocks();
  });

  it('waits for the next kick when the connection was lost', async () => {
    const step = vi.fn().mockRejectedValueOnce(localError('CONNECTION_LOST')).mockResolvedValue(undefined);
    const problems: FlyLiveError[] = [];
    const reconciler = new Reconciler(step, (error) => problems.push(error));
    reconciler.kick();
    await vi.runAllTimersAsync();
    expect(step).toHaveBeenCalledTimes(1);
    expect(problems).toEqual([]);
    reconciler.kick();
    await vi.runAllTimersAsync();
    expect(step).toHaveBeenCalledTimes(2);
  });

  it('tells an error that repeating cannot mend and does not repeat it', async () => {
    const step = vi.fn().mockRejectedValue(localError('AUDIO_UNSUPPORTED'));
    const problems: FlyLiveError[] = [];
    new Reconciler(step, (error) => problems.push(error)).kick();
    await vi.runAllTimersAsync();
    expect(step).toHaveBeenCalledTimes(1);
    expect(problems.map(({ code }) => code)).toEqual(['AUDIO_UNSUPPORTED']);
  });

  it('stops repeating when it is closed', async () => {
    const step = vi.fn().mockRejectedValue(localError('TIMED_OUT'));
    const reconciler = new Reconciler(step, () => undefined);
    reconciler.kick();
    await vi.advanceTimersByTimeAsync(0);
    reconciler.close();
    await vi.runAllTimersAsync();
    expect(step).toHaveBeenCalledTimes(1);
  });
});
