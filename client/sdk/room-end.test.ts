import { describe, expect, it } from 'vitest';
import type { RoomEvent } from '../../src/core/events.ts';
import { FlyLiveError } from './errors.ts';
import { endByEvent, endByRefusal } from './room-end.ts';

const end = (event: Record<string, unknown>) => endByEvent(event as unknown as RoomEvent, 1, 'mine');

describe('an event ends the room', () => {
  it('for whoever was kicked or banned, and for nobody else', () => {
    expect(end({ type: 'userLeft', userId: 1, reason: 'kicked' })).toEqual({ reason: 'kicked' });
    expect(end({ type: 'userLeft', userId: 1, reason: 'banned' })).toEqual({ reason: 'banned' });
    expect(end({ type: 'userLeft', userId: 2, reason: 'banned' })).toBeNull();
  });

  it('not for whoever was away too long: joining again is possible', () => {
    expect(end({ type: 'userLeft', userId: 1, reason: 'disconnected' })).toBeNull();
  });

  it('when it is closed, with what the host said', () => {
    expect(end({ type: 'roomClosed', reason: 'closedByHost', message: 'Good night' })).toEqual({
      reason: 'roomClosed',
      message: 'Good night',
    });
    expect(end({ type: 'roomClosed', reason: 'idle', message: null })).toEqual({ reason: 'roomClosed' });
  });

  it('for the session that was replaced', () => {
    expect(end({ type: 'sessionReplaced', sessionId: 'mine' })).toEqual({ reason: 'replaced' });
    expect(end({ type: 'sessionReplaced', sessionId: 'other' })).toBeNull();
  });
});

describe('a refusal ends the room', () => {
  const refusal = (code: FlyLiveError['code']) => new FlyLiveError(code, { message: code, retryable: false });

  it('with the reason that its code means', () => {
    const reasons = (['BANNED', 'KICKED', 'SESSION_REPLACED', 'ROOM_CLOSED', 'ROOM_NOT_FOUND'] as const).map(
      (code) => endByRefusal(refusal(code)).reason,
    );
    expect(reasons).toEqual(['banned', 'kicked', 'replaced', 'roomClosed', 'refused']);
  });
});
