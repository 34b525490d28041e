import { describe, expect, it } from 'vitest';
import type { RoomRole } from '../../src/core/model.ts';
import type { UserProfile } from '../../src/core/model.ts';
import { isAllowed, mayDelete, memberActions, seatActions } from './host-actions.ts';
import { me, message, participant, seat, snapshot } from './room-state.fixtures.ts';
import { fromSnapshot } from './room-state.ts';

/** User 1 in `role`, and user 2 in `other`. */
function room(role: RoomRole, more: Record<string, unknown> = {}, other: RoomRole = 'member') {
  const participants = [participant(1, { role }), participant(2, { role: other })];
  return fromSnapshot(snapshot({ participants, ...more }), me);
}

describe('what a role permits', () => {
  it('is what the table of the server says', () => {
    expect(isAllowed(room('member'), 'seat.take')).toBe(true);
    expect(isAllowed(room('member'), 'seat.lock')).toBe(false);
    expect(isAllowed(room('admin'), 'seat.lock')).toBe(true);
    expect(isAllowed(room('admin'), 'room.close')).toBe(false);
    expect(isAllowed(room('owner'), 'room.close')).toBe(true);
  });

  it('goes downwards only', () => {
    expect(isAllowed(room('admin', {}, 'member'), 'room.kick', 2)).toBe(true);
    expect(isAllowed(room('admin', {}, 'admin'), 'room.kick', 2)).toBe(false);
    expect(isAllowed(room('admin', {}, 'owner'), 'room.kick', 2)).toBe(false);
    expect(isAllowed(room('owner', {}, 'admin'), 'room.kick', 2)).toBe(true);
    expect(isAllowed(room('admin'), 'room.kick')).toBe(false);
  });

  it('lets authors delete their messages, and hosts those of lower ranks', () => {
    const theirs = message('5-0', { sender: { id: 2, name: 'Grace', avatar: null } as UserProfile });
    expect(mayDelete(room('member'), message('4-0'))).toBe(true);
    expect(mayDelete(room('member'), theirs)).toBe(false);
    expect(mayDelete(room('admin'), theirs)).toBe(true);
    expect(mayDelete(room('admin', {}, 'owner'), theirs)).toBe(false);
  });
});

describe('the menu on a member', () => {
  it('is empty for members, and for oneself', () => {
    expect(memberActions(room('member'), 2)).toEqual([]);
    expect(memberActions(room('owner'), 1)).toEqual([]);
  });

  it('offers a listener a seat', () => {
    expect(memberActions(room('admin'), 2)).toEqual(['invite', 'muteChat', 'kick', 'ban']);
  });

  it('offers what a raised hand asks for', () => {
    const asking = room('admin', { requests: [{ userId: 2, requestedAt: 1 }] });
    expect(memberActions(asking, 2).slice(0, 3)).toEqual(['approve', 'reject', 'muteChat']);
  });

  it('does not invite twice', () => {
    const invitations = [{ userId: 2, seat: null, invitedBy: 1, expiresAt: 1 }];
    expect(memberActions(room('admin', { invitations }), 2)).not.toContain('invite');
  });

  it('knows who is muted', () => {
    const speaking = room('admin', { seats: [seat(0, 2)] });
    expect(memberActions(speaking, 2)).toEqual(['mute', 'removeFromSeat', 'muteChat', 'kick', 'ban']);
    const muted = room('admin', { seats: [seat(0, 2, { mutedByHost: true })] });
    expect(memberActions(muted, 2)[0]).toBe('unmute');
  });

  it('leaves equals and higher ranks what does not hurt them', () => {
    expect(memberActions(room('admin', {}, 'owner'), 2)).toEqual(['invite']);
    expect(memberActions(room('admin', { seats: [seat(0, 2)] }, 'admin'), 2)).toEqual([]);
  });
});

describe('the menu on a free seat', () => {
  it('is for taking it, or asking for it', () => {
    expect(seatActions(room('member'), 0)).toEqual(['take']);
    expect(seatActions(room('member', { seatMode: 'apply' }), 0)).toEqual(['raiseHand']);
    const asking = { seatMode: 'apply', requests: [{ userId: 1, requestedAt: 1 }] };
    expect(seatActions(room('member', asking), 0)).toEqual([]);
    expect(seatActions(room('member', { seats: [seat(0), seat(1, 1)] }), 0)).toEqual(['move']);
  });

  it('is empty on a locked seat for members, and lets hosts unlock it', () => {
    const seats = [seat(0, null, { locked: true })];
    expect(seatActions(room('member', { seats }), 0)).toEqual([]);
    expect(seatActions(room('admin', { seats }), 0)).toEqual(['unlock']);
  });

  it('lets hosts take and lock one in either mode', () => {
    expect(seatActions(room('admin', { seatMode: 'apply' }), 0)).toEqual(['take', 'lock']);
    expect(seatActions(room('owner'), 0)).toEqual(['take', 'lock']);
  });

  it('is empty when the seat is taken or not there', () => {
    expect(seatActions(room('owner', { seats: [seat(0, 2)] }), 0)).toEqual([]);
    expect(seatActions(room('owner'), 7)).toEqual([]);
  });
});
