import { describe, expect, it } from 'vitest';
import type { RoomEvent } from '../../src/core/events.ts';
import { me, participant, seat, snapshot } from './room-state.fixtures.ts';
import { applyRoomEvent, fromSnapshot, type RoomState } from './room-state.ts';

const start = fromSnapshot(snapshot(), me);
const invitation = { userId: 1, seat: null, invitedBy: 9, expiresAt: 40_000 };

/** Events are written with plain ids here. */
function after(state: RoomState, ...events: Record<string, unknown>[]): RoomState {
  return events.reduce((known, event) => applyRoomEvent(known, event as unknown as RoomEvent), state);
}
const taken = (index: number, userId: number, mutedByHost = false) => ({
  type: 'seatTaken',
  seat: index,
  userId,
  mutedByHost,
});
const users = ({ seats }: RoomState) => seats.map(({ userId }) => userId);

describe('seats', () => {
  it('hold a user once: taking another one vacates the old one', () => {
    const state = after(start, taken(0, 1), taken(2, 1));
    expect(users(state)).toEqual([null, null, 1]);
    expect(state.mySeat).toBe(2);
  });

  it('are free again when left', () => {
    const state = after(start, taken(0, 1), { type: 'seatLeft', seat: 0, userId: 1, reason: 'removed' });
    expect(state.mySeat).toBeNull();
    expect(users(state)).toEqual([null, null, null]);
  });

  it('can be changed; the mute by a host moves along', () => {
    const state = after(start, taken(0, 1, true), { type: 'seatMoved', userId: 1, from: 0, to: 2 });
    expect(state.seats).toEqual([seat(0), seat(1), seat(2, 1, { mutedByHost: true })]);
    expect(state.mySeat).toBe(2);
    expect(state.mutedByHost).toBe(true);
  });

  it('keep a lock whoever sits on them', () => {
    const state = after(start, { type: 'seatLockChanged', seat: 1, locked: true }, taken(1, 2), {
      type: 'seatLeft',
      seat: 1,
      userId: 2,
      reason: 'left',
    });
    expect(state.seats[1]).toEqual(seat(1, null, { locked: true }));
    expect(after(state, { type: 'seatLockChanged', seat: 1, locked: false }).seats[1]).toEqual(seat(1));
  });

  it('become more and fewer', () => {
    const seated = after(start, taken(1, 2));
    const more = after(seated, { type: 'seatCountChanged', seatCount: 5 });
    expect(users(more)).toEqual([null, 2, null, null, null]);
    expect(more.seats[4]).toEqual(seat(4));
    const fewer = after(
      more,
      { type: 'seatLeft', seat: 1, userId: 2, reason: 'seatCountReduced' },
      { type: 'seatCountChanged', seatCount: 1 },
    );
    expect(fewer.seats).toEqual([seat(0)]);
  });

  it('are given in the mode that was set last', () => {
    expect(after(start, { type: 'seatModeChanged', seatMode: 'apply' }).seatMode).toBe('apply');
  });
});

describe('a mute by a host', () => {
  const mute = (userId: number, muted: boolean) => ({ type: 'speakerMuteChanged', userId, muted, by: 9 });

  it('is told of the user and of others', () => {
    const muted = after(start, taken(0, 1), taken(1, 2), mute(1, true));
    expect(muted.mutedByHost).toBe(true);
    expect(muted.seats.map(({ mutedByHost }) => mutedByHost)).toEqual([true, false, false]);
    expect(after(muted, mute(1, false)).mutedByHost).toBe(false);
    expect(after(muted, mute(1, true))).toBe(muted);
  });

  it('does not stay with the seat', () => {
    const left = after(start, taken(0, 2), mute(2, true), { type: 'seatLeft', seat: 0, userId: 2, reason: 'left' });
    expect(left.seats[0]).toEqual(seat(0));
    expect(after(left, taken(0, 1)).mutedByHost).toBe(false);
  });

  it('of somebody without a seat shows with the next one', () => {
    expect(after(start, mute(1, true))).toBe(start);
    expect(after(start, taken(0, 1, true)).mutedByHost).toBe(true);
  });
});

describe('raised hands', () => {
  const raised = (userId: number, requestedAt: number) => ({
    type: 'seatRequested',
    request: { userId, requestedAt },
  });

  it('stand in the order of raising', () => {
    const state = after(start, raised(2, 2_000), raised(1, 3_000), raised(3, 1_000));
    expect(state.requests.map(({ userId }) => userId)).toEqual([3, 2, 1]);
    expect(state.myRequest).toBe(2);
    const ended = after(state, { type: 'seatRequestEnded', userId: 3, reason: 'rejected' });
    expect(ended.myRequest).toBe(1);
    expect(after(ended, { type: 'seatRequestEnded', userId: 1, reason: 'canceled' }).myRequest).toBeNull();
  });

  it('count once however often they are told, and go with the member', () => {
    const state = after(start, raised(2, 1_000), raised(2, 1_000));
    expect(state.requests).toHaveLength(1);
    expect(after(state, { type: 'userLeft', userId: 2, reason: 'kicked' }).requests).toEqual([]);
  });

  it('that are unknown change nothing when they end', () => {
    expect(after(start, { type: 'seatRequestEnded', userId: 2, reason: 'approved' })).toBe(start);
  });
});

describe('invitations', () => {
  it('are the own one until they end', () => {
    const invited = after(start, { type: 'seatInvited', invitation });
    expect(invited.myInvitation).toEqual(invitation);
    const ended = after(invited, { type: 'seatInvitationEnded', userId: 1, reason: 'expired' });
    expect(ended.myInvitation).toBeNull();
    expect(ended.invitations).toEqual([]);
  });

  it('of others are known and not the own one', () => {
    const state = after(start, { type: 'seatInvited', invitation: { ...invitation, userId: 2 } });
    expect(state.myInvitation).toBeNull();
    expect(state.invitations).toHaveLength(1);
    expect(after(state, { type: 'userLeft', userId: 2, reason: 'left' }).invitations).toEqual([]);
  });

  it('replace an earlier one of the same user', () => {
    const state = after(
      start,
      { type: 'seatInvited', invitation },
      { type: 'seatInvited', invitation: { ...invitation, seat: 2 } },
    );
    expect(state.invitations).toHaveLength(1);
    expect(state.myInvitation?.seat).toBe(2);
  });
});

describe('a snapshot', () => {
  it('tells the hand, the invitation and the mute of the user', () => {
    const state = fromSnapshot(
      snapshot({
        participants: [participant(1)],
        seats: [seat(0, 1, { mutedByHost: true })],
        requests: [
          { userId: 2, requestedAt: 1 },
          { userId: 1, requestedAt: 2 },
        ],
        invitations: [invitation],
        seatMode: 'apply',
      }),
      me,
    );
    expect(state).toMatchObject({ mySeat: 0, mutedByHost: true, myRequest: 1, myInvitation: invitation });
    expect(state.seatMode).toBe('apply');
  });
});
