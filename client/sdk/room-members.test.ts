import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Participant } from '../../src/core/model.ts';
import type { Api } from './api.ts';
import { LiveState } from './live-state.ts';
import { silentLogger } from './logger.ts';
import type { Membership } from './membership.ts';
import { RoomMembers } from './room-members.ts';
import { me, participant, seat, snapshot } from './room-state.fixtures.ts';
import { applyRoomEvent, fromSnapshot } from './room-state.ts';

/** A room whose pages hold 100 members, of whom the snapshot told the first 100. */
function bigRoom(size: number) {
  let present = Array.from({ length: size }, (_, index) => participant(index + 1));
  const cursors: unknown[] = [];
  const query = ({
    cursor,
  }: {
    cursor?: number;
  }): Promise<{ participants: Participant[]; nextCursor: number | null }> => {
    cursors.push(cursor);
    const page = present.filter(({ userId }) => userId > (cursor ?? 0)).slice(0, 100);
    return Promise.resolve({
      participants: page,
      nextCursor: page.length < 100 ? null : (page.at(-1)?.userId ?? null),
    });
  };
  const membership = {
    roomId: '42',
    status: 'joined',
    retry: (run: (api: Api) => unknown) => run({ room: { participants: { query } } } as unknown as Api),
  } as unknown as Membership;
  const first = snapshot({ participants: present.slice(0, 100), participantCount: size, seats: [seat(0, 3), seat(1)] });
  const state = new LiveState(fromSnapshot(first, me), silentLogger);
  const onFailure = vi.fn();
  const members = new RoomMembers(membership, state, onFailure);
  return {
    state,
    members,
    cursors,
    onFailure,
    known: () => [...state.value.participants.keys()],
    set present(next: Participant[]) {
      present = next;
    },
  };
}

describe('the list of members', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('grows with each reading, though the snapshot told the first page', async () => {
    const { members, known, cursors } = bigRoom(250);
    expect(await members.loadMore()).toBe(true);
    expect(known()).toHaveLength(200);
    expect(await members.loadMore()).toBe(false);
    expect(known()).toHaveLength(250);
    expect(cursors).toEqual([undefined, 100, 200]);
  });

  it('gets whoever came after the last page was read', async () => {
    const room = bigRoom(150);
    expect(await room.members.loadMore()).toBe(false);
    room.present = Array.from({ length: 152 }, (_, index) => participant(index + 1));
    expect(await room.members.loadMore()).toBe(false);
    expect(room.known()).toHaveLength(152);
    expect(room.cursors).toEqual([undefined, 100, 100]);
  });

  it('is read from the first page on after a snapshot', async () => {
    const { members, cursors } = bigRoom(250);
    await members.loadMore();
    members.restart();
    await members.loadMore();
    expect(cursors).toEqual([undefined, 100, undefined, 100, 200]);
  });

  it('loses those who have left unsaid, and nobody else', async () => {
    const room = bigRoom(120);
    await room.members.loadMore();
    // Members 1 (the user), 3 (on a seat) and 90 to 120 are still here.
    room.present = Array.from({ length: 120 }, (_, index) => participant(index + 1)).filter(
      ({ userId }) => userId >= 90 || userId === 1 || userId === 3,
    );
    room.members.observe(33);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(room.known()).toHaveLength(120);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(room.known().sort((a, b) => a - b)).toEqual([1, 3, ...Array.from({ length: 31 }, (_, index) => index + 90)]);
    expect(room.state.value.participantCount).toBe(33);
    expect(room.onFailure).not.toHaveBeenCalled();
  });

  it('is left alone while the count only lags behind', async () => {
    const { members, state, cursors } = bigRoom(2);
    state.update(applyRoomEvent(state.value, { type: 'userJoined', participant: participant(3) }));
    members.observe(2);
    await vi.advanceTimersByTimeAsync(1_000);
    members.observe(3);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(cursors).toEqual([]);
    expect(state.value.participants.size).toBe(3);
    // Nor is it read again when the event comes after the count.
    members.observe(2);
    state.update(applyRoomEvent(state.value, { type: 'userLeft', userId: 3, reason: 'left' } as never));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(cursors).toEqual([]);
    members.observe(1);
    members.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(cursors).toEqual([]);
  });
});
