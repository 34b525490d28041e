import { describe, expect, it } from 'vitest';
import type { ChatMessage, Participant, ProducerDescription, RoomSnapshot, UserProfile } from '../../src/core/model.ts';
import {
  addHistory,
  addMessage,
  addParticipants,
  applyActivity,
  applyMediaEvent,
  applyRoomEvent,
  applySnapshot,
  fromSnapshot,
} from './room-state.ts';

const me = { id: 1, name: 'Ada', avatar: null } as UserProfile;

function participant(userId: number, more: Partial<Participant> = {}): Participant {
  return { userId, name: `User ${userId}`, avatar: null, joinedAt: 0, connected: true, ...more } as Participant;
}

function producer(producerId: string, userId: number, more: Partial<ProducerDescription> = {}): ProducerDescription {
  return { producerId, userId, source: 'microphone', paused: false, ...more } as ProducerDescription;
}

function message(id: string): ChatMessage {
  return { id, sender: me, content: id, sentAt: 0, clientMessageId: null };
}

function snapshot(more: Record<string, unknown> = {}): RoomSnapshot {
  return {
    roomId: '42',
    title: 'Morning',
    ownerId: 9,
    seats: [0, 1, 2].map((index) => ({ index, userId: null })),
    participants: [participant(1), participant(2)],
    participantCount: 2,
    producers: [],
    cursor: '1-0',
    ...more,
  } as unknown as RoomSnapshot;
}

const start = fromSnapshot(snapshot(), me);
const seat = (index: number, userId: number) => ({ type: 'seatTaken', seat: index, userId }) as never;
const ids = (messages: readonly ChatMessage[]) => messages.map(({ id }) => id);

describe('a snapshot', () => {
  it('shows the user even when the first page of members does not', () => {
    const state = fromSnapshot(snapshot({ participants: [participant(2)], participantCount: 900 }), me);
    expect([...state.participants.keys()]).toEqual([2, 1]);
    expect(state.participantCount).toBe(900);
  });

  it('tells the own seat', () => {
    expect(start.mySeat).toBeNull();
    expect(
      fromSnapshot(
        snapshot({
          seats: [
            { index: 0, userId: 2 },
            { index: 1, userId: 1 },
          ],
        }),
        me,
      ).mySeat,
    ).toBe(1);
  });

  it('replaces everything but the messages', () => {
    const chatted = addMessage(applyRoomEvent(start, seat(2, 1)), message('5-0'));
    const state = applySnapshot(chatted, snapshot({ participants: [participant(3)], participantCount: 1 }));
    expect(state.mySeat).toBeNull();
    expect(state.participants.has(2)).toBe(false);
    expect(ids(state.messages)).toEqual(['5-0']);
  });
});

describe('members', () => {
  it('are counted once when they join twice', () => {
    const joined = { type: 'userJoined', participant: participant(3) } as const;
    const state = applyRoomEvent(applyRoomEvent(start, joined), joined);
    expect(state.participantCount).toBe(3);
  });

  it('take their seat and their voice along when they leave', () => {
    const speaking = applyMediaEvent(applyRoomEvent(start, seat(1, 2)), {
      type: 'producerOpened',
      producer: producer('p', 2),
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
      applyActivity(state, { levels: [], forwarded: [], participantCount });
    expect(applyRoomEvent(counted(start, 1), left).participantCount).toBe(1);
    expect(counted(applyRoomEvent(start, left), 1).participantCount).toBe(1);
    expect(applyRoomEvent(counted(start, 3), joined).participantCount).toBe(3);
    expect(counted(applyRoomEvent(start, joined), 3).participantCount).toBe(3);
  });

  it('of a large room are counted by the server', () => {
    const large = fromSnapshot(snapshot({ participantCount: 900 }), me);
    const state = applyRoomEvent(large, { type: 'userLeft', userId: 2, reason: 'left' } as never);
    expect(state.participantCount).toBe(900);
    expect(applyActivity(state, { levels: [], forwarded: [], participantCount: 899 }).participantCount).toBe(899);
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

describe('seats', () => {
  it('hold a user once: moving vacates the old one', () => {
    const state = applyRoomEvent(applyRoomEvent(start, seat(0, 1)), seat(2, 1));
    expect(state.seats.map(({ userId }) => userId)).toEqual([null, null, 1]);
    expect(state.mySeat).toBe(2);
  });

  it('are free again when left', () => {
    const state = applyRoomEvent(applyRoomEvent(start, seat(0, 1)), { type: 'seatLeft', seat: 0, userId: 1 } as never);
    expect(state.mySeat).toBeNull();
    expect(state.seats[0]?.userId).toBeNull();
  });
});

describe('producers', () => {
  const open = (description: ProducerDescription) => ({ type: 'producerOpened', producer: description }) as const;

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
  it('replaces levels, who is forwarded, and head count', () => {
    const loud = applyActivity(start, {
      levels: [{ userId: 2, level: -20 }],
      forwarded: [2],
      participantCount: 40,
    } as never);
    expect([...loud.levels]).toEqual([[2, -20]]);
    expect([...loud.forwarded]).toEqual([2]);
    expect(loud.participantCount).toBe(40);
    expect(applyActivity(loud, { levels: [], forwarded: [], participantCount: 39 }).levels.size).toBe(0);
  });
});

describe('messages', () => {
  it('stay in the order of the log, by number and not by text', () => {
    const state = ['10-0', '9-2', '9-10'].reduce((known, id) => addMessage(known, message(id)), start);
    expect(ids(state.messages)).toEqual(['9-2', '9-10', '10-0']);
  });

  it('are shown once, whether live, replayed or from the history', () => {
    const live = addMessage(start, message('5-0'));
    expect(addMessage(live, message('5-0'))).toBe(live);
    const state = addHistory(live, [message('4-0'), message('5-0')], false);
    expect(ids(state.messages)).toEqual(['4-0', '5-0']);
    expect(state.hasOlderMessages).toBe(false);
  });

  it('push the oldest out when there are very many', () => {
    let state = addHistory(start, [], false);
    for (let index = 1; index <= 600; index += 1) state = addMessage(state, message(`${index}-0`));
    expect(state.messages).toHaveLength(500);
    expect(state.messages[0]?.id).toBe('101-0');
    expect(state.hasOlderMessages).toBe(true);
  });
});
