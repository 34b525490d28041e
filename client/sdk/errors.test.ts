import { TRPCClientError } from '@trpc/client';
import { describe, expect, it } from 'vitest';
import { FlyLiveError, localError, toFlyLiveError } from './errors.ts';

function answered(data: Record<string, unknown>): TRPCClientError<never> {
  return TRPCClientError.from({ error: { message: 'Too many calls', code: -32029, data } });
}

describe('toFlyLiveError', () => {
  it('reads the code, whether to retry and when from an answer of the server', () => {
    const error = toFlyLiveError(answered({ appCode: 'RATE_LIMITED', retryable: true, retryAfterMs: 1_500 }));
    expect(error).toBeInstanceOf(FlyLiveError);
    expect(error).toMatchObject({
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterMs: 1_500,
      message: 'Too many calls',
    });
  });

  it('takes an absent wait for none', () => {
    expect(
      toFlyLiveError(answered({ appCode: 'INTERNAL', retryable: true, retryAfterMs: null })).retryAfterMs,
    ).toBeUndefined();
  });

  it('reads of a ban when it ends and why, if the server says so', () => {
    const banned = (data: object) => toFlyLiveError(answered({ appCode: 'BANNED', retryable: false, ...data })).ban;
    expect(banned({ until: 1_800_000_000_000, reason: 'Spam' })).toEqual({ until: 1_800_000_000_000, reason: 'Spam' });
    expect(banned({ until: null })).toEqual({ until: null, reason: null });
    expect(banned({})).toBeUndefined();
  });

  it('takes a call without an answer for a lost connection, which passes', () => {
    const error = toFlyLiveError(TRPCClientError.from(new Error('WebSocket closed')));
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retryable: true });
  });

  it('leaves its own errors as they are and never lets a foreign one through', () => {
    const own = localError('MICROPHONE_DENIED');
    expect(toFlyLiveError(own)).toBe(own);
    expect(toFlyLiveError(new TypeError('x'))).toMatchObject({ code: 'INTERNAL', retryable: false });
  });
});
