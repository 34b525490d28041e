import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InboundThrottle } from './inbound-throttle.ts';

describe('inbound throttle', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function throttled(): { throttle: InboundThrottle; calls: string[] } {
    const calls: string[] = [];
    const socket = { pause: () => void calls.push('pause'), resume: () => void calls.push('resume') };
    return { throttle: new InboundThrottle(socket, 10), calls };
  }

  it('lets a burst through', () => {
    const { throttle, calls } = throttled();
    throttle.count(40);
    expect(calls).toEqual([]);
  });

  it('stops reading beyond the burst and goes on when a second is saved up', () => {
    const { throttle, calls } = throttled();
    throttle.count(45);
    expect(calls).toEqual(['pause']);
    vi.advanceTimersByTime(1_400);
    expect(calls).toEqual(['pause']);
    vi.advanceTimersByTime(200);
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('never stops a client that keeps to the rate', () => {
    const { throttle, calls } = throttled();
    for (let second = 0; second < 100; second++) {
      throttle.count(10);
      vi.advanceTimersByTime(1_000);
    }
    expect(calls).toEqual([]);
  });

  it('does not touch a socket that is gone', () => {
    const { throttle, calls } = throttled();
    throttle.count(100);
    throttle.stop();
    vi.advanceTimersByTime(60_000);
    expect(calls).toEqual(['pause']);
  });
});
