import { describe, expect, it } from 'vitest';
import type { ProducerDescription } from '../../src/core/model.ts';
import { me, message, participant, producer, seat, snapshot } from './room-state.fixtures.ts';
import { addMessage } from './message-state.ts';
import {
  addParticipants,
  applyActivity,
  applyMediaEvent,
  applyRoomEvent,
  applySnapshot,
  fromSnapshot,
} from './room-state.ts';

const start = fromSnapshot(snapshot(), me);
const taken = (index: number, userId: number) =>
  ({ type: 'seatTaken', seat: index, userId, mutedByHost: false }) as never;
const quiet = { levels: [], forwarded: [], reactions: [] } as const;

describe('a snapshot', () => {
  it('shows the user even when the first page of members does not', () => {
    const state = fromSnapshot(snapshot({ participants: [participant(2)], participantCount: 900 }), me);
    expect([...state.participants.keys()]).toEqual([2, 1]);
    expect(state.participantCount).toBe(900);
  });

  it('tells the own seat', () => {
    expect(start.mySeat).toBeNull();
    expect(fromSnapshot(snapshot({ seats: [seat(0, 2), seat(1, 1)] }), me).mySeat).toBe(1);
  });

  it('replaces everything but the messages', () => {
    const chatted = addMessage(applyRoomEvent(start, taken(2, 1)), message('5-0'));
    const state = applySnapshot(chatted, snapshot({ participants: [participant(3)], participantCount: 1 }));
    expect(state.mySeat).toBeNull();
    expect(state.participants.has(2)).toBe(false);
    expect(state.messages.map(({ id }) => id)).toEqual(['5-0']);
  });
});

describe('members', () => {
  it('are counted once when they join twice', () => {
    const joined = { type: 'userJoined', participant: participant(3) } as const;
    const state = applyRoomEvent(applyRoomEvent(start, joined), joined);
    expect(state.participantCount).toBe(3);
  });

  it('take their seat and their voice along when they leave', () => {
    const speaking = applyMediaEvent(applyRoomEvent(start, taken(1, 2)), {
      type: 'producerOpened',
      producer: producer('p', 2),
      mutedByHost: false,
    });
    const state = applyRoomEvent(speaking, { type: 'userLeft', userId: 2, reason: 'left' } as never);
    expect(state.seats.every(({ userId }) => userId === null)).toBe(true);
    expect(state.producers.size).toBe(0);
    expect(state.participantCount).toBe(1);
  });

  it('are counted the same whether the event or the head count comes first', () => {
    const left = { type: 'userLeft', userId: 2, reason: 'left' } as never;
    const joined = { type: 'userJoined', participant: participant(3) } as never;
    const counted = (state: typeof start, participantCount: number) =>
      applyActivity(state, { ...quiet, participantCount });
    expect(applyRoomEvent(counted(start, 1), left).participantCount).toBe(1);
    expect(counted(applyRoomEvent(start, left), 1).participantCount).toBe(1);
    expect(applyRoomEvent(counted(start, 3), joined).participantCount).toBe(3);
    expect(counted(applyRoomEvent(start, joined), 3).participantCount).toBe(3);
  });

  it('of a large room are counted by the server', () => {
    const large = fromSnapshot(snapshot({ participantCount: 900 }), me);
    const state = applyRoomEvent(large, { type: 'userLeft', userId: 2, reason: 'left' } as never);
    expect(state.participantCount).toBe(900);
    expect(applyActivity(state, { ...quiet, participantCount: 899 }).participantCount).toBe(899);
  });

  it('are marked while their connection is lost', () => {
    const lost = { type: 'userConnectionChanged', userId: 2, connected: false } as never;
    const state = applyRoomEvent(start, lost);
    expect(state.participants.get(2)?.connected).toBe(false);
    expect(applyRoomEvent(state, lost)).toBe(state);
    expect(start.participants.get(2)?.connected).toBe(true);
  });

  it('can be read page by page without being counted again', () => {
    const state = addParticipants(start, [participant(2, { name: 'Grace' }), participant(7)]);
    expect(state.participants.get(2)?.name).toBe('Grace');
    expect(state.participants.size).toBe(3);
    expect(state.participantCount).toBe(2);
  });
});

describe('roles and rights', () => {
  it('of the user are known even when the first page of members does not hold the user', () => {
    const known = fromSnapshot(snapshot({ participants: [participant(1, { role: 'admin' })] }), me);
    expect(known.role).toBe('admin');
    expect(applySnapshot(known, snapshot({ participants: [participant(2)] })).role).toBe('admin');
  });

  it('follow the events', () => {
    const promoted = applyRoomEvent(start, { type: 'roleChanged', userId: 1, role: 'admin' } as never);
    expect(promoted.role).toBe('admin');
    expect(promoted.participants.get(1)?.role).toBe('admin');
    const muted = applyRoomEvent(start, { type: 'chatMuteChanged', userId: 1, muted: true, by: 9 } as never);
    expect(muted.chatMuted).toBe(true);
    const other = applyRoomEvent(start, { type: 'chatMuteChanged', userId: 2, muted: true, by: 9 } as never);
    expect(other.chatMuted).toBe(false);
    expect(other.participants.get(2)?.chatMuted).toBe(true);
    expect(applyRoomEvent(start, { type: 'slowModeChanged', seconds: 10 }).slowModeSeconds).toBe(10);
  });

  it('of somebody unknown change nothing', () => {
    expect(applyRoomEvent(start, { type: 'roleChanged', userId: 77, role: 'admin' } as never)).toBe(start);
  });
});

describe('producers', () => {
  const open = (description: ProducerDescription) =>
    ({ type: 'producerOpened', producer: description, mutedByHost: false }) as const;

  it('replace an older one of the same user and source only', () => {
    let state = applyMediaEvent(start, open(producer('mic1', 2)));
    state = applyMediaEvent(state, open(producer('music', 2, { source: 'music' })));
    state = applyMediaEvent(state, open(producer('other', 3)));
    state = applyMediaEvent(state, open(producer('mic2', 2)));
    expect([...state.producers.keys()]).toEqual(['music', 'other', 'mic2']);
  });

  it('pause and resume', () => {
    const opened = applyMediaEvent(start, open(producer('p', 2)));
    const paused = applyMediaEvent(opened, { type: 'producerPaused', producerId: 'p', userId: 2 } as never);
    expect(paused.producers.get('p')?.paused).toBe(true);
    const resumed = applyMediaEvent(paused, { type: 'producerResumed', producerId: 'p', userId: 2 } as never);
    expect(resumed.producers.get('p')?.paused).toBe(false);
  });

  it('that are unknown change nothing', () => {
    const closed = { type: 'producerClosed', producerId: 'x', userId: 2, reason: 'closed' } as never;
    expect(applyMediaEvent(start, closed)).toBe(start);
    expect(applyMediaEvent(start, { type: 'producerPaused', producerId: 'x', userId: 2 } as never)).toBe(start);
  });
});

describe('activity', () => {
  it('keeps qualities until others come', () => {
    const poor = { userId: 2, quality: 'poor', loss: 0.2, jitterMs: 12, rttMs: null } as never;
    const known = applyActivity(start, { ...quiet, participantCount: 2, quality: [poor] });
    expect([...known.qualities]).toEqual([[2, poor]]);
    expect(applyActivity(known, { ...quiet, participantCount: 2 }).qualities).toBe(known.qualities);
    expect(applyActivity(known, { ...quiet, participantCount: 2, quality: [] }).qualities.size).toBe(0);
  });

  it('replaces levels, who is forwarded, and head count', () => {
    const loud = applyActivity(start, {
      levels: [{ userId: 2, level: -20 }],
      forwarded: [2],
      participantCount: 40,
    } as never);
    expect([...loud.levels]).toEqual([[2, -20]]);
    expect([...loud.forwarded]).toEqual([2]);
    expect(loud.participantCount).toBe(40);
    expect(applyActivity(loud, { ...quiet, participantCount: 39 }).levels.size).toBe(0);
  });
});
