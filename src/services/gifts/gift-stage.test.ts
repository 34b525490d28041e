import { describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../core/logger.ts';
import type { RoomStore } from '../room-store.ts';
import type { GiftContent } from './gift-content.ts';
import type { GiftQueue } from './gift-queue.ts';
import { GiftStage } from './gift-stage.ts';

const gift = { transactionId: 'x', roomId: '1' } as unknown as GiftContent;
const received = JSON.stringify({ type: 'giftReceived' });

/** A stage with a room whose log takes entries when it is let, and a record of one gift. */
function setUp() {
  const log: string[] = [];
  const record = { shown: false, withdrawn: false };
  const passes = (_type: string): Promise<void> => Promise.resolve();
  const room = { isClosedTo: passes, hasTaken: passes };
  const store = {
    announceGift: async (_roomId: unknown, _recipient: unknown, event: string) => {
      const { type } = JSON.parse(event) as { type: string };
      await room.isClosedTo(type);
      log.push(type);
      await room.hasTaken(type);
    },
  } as unknown as RoomStore;
  const queue = {
    note: (_gift: unknown, what: 'shown' | 'withdrawn') => {
      record[what] = true;
      return Promise.resolve(record.withdrawn);
    },
    isUnseen: () => Promise.resolve(!record.shown),
  } as unknown as GiftQueue;
  return { log, room, stage: new GiftStage(queue, store, createLogger('silent')) };
}

describe('a gift on the stage', () => {
  it('is withdrawn again when it comes on after its withdrawal', async () => {
    const { log, room, stage } = setUp();
    const slow = Promise.withResolvers<void>();
    room.isClosedTo = (type) => (type === 'giftReceived' ? slow.promise : Promise.resolve());
    const showing = stage.show(gift, received);
    expect(await stage.withdraw(gift)).toBe(true);
    slow.resolve();
    expect(await showing).toBe(true);
    expect(log).toEqual(['giftWithdrawn', 'giftReceived', 'giftWithdrawn']);
  });

  it('is withdrawn again when it comes on before the answer to its withdrawal', async () => {
    const { log, room, stage } = setUp();
    const answer = Promise.withResolvers<void>();
    room.hasTaken = () => (log.length === 1 ? answer.promise : Promise.resolve());
    const withdrawing = stage.withdraw(gift);
    await vi.waitFor(() => expect(log).toEqual(['giftWithdrawn']));
    await stage.show(gift, received);
    answer.resolve();
    expect(await withdrawing).toBe(true);
    expect(log).toEqual(['giftWithdrawn', 'giftReceived', 'giftWithdrawn']);
  });

  it('is shown once however many want it shown at the same time, and not once more later', async () => {
    const { log, stage } = setUp();
    await Promise.all([stage.show(gift, received), stage.showUnseen(gift, received), stage.showUnseen(gift, received)]);
    await stage.showUnseen(gift, received);
    expect(log).toEqual(['giftReceived']);
  });

  it('that could not be shown or withdrawn is said to be so, and is the next time', async () => {
    const { log, room, stage } = setUp();
    room.isClosedTo = () => Promise.reject(new Error('no'));
    expect([await stage.show(gift, received), await stage.withdraw(gift)]).toEqual([false, false]);
    room.isClosedTo = () => Promise.resolve();
    expect([await stage.showUnseen(gift, received), await stage.withdraw(gift)]).toEqual([true, true]);
    // Withdrawn in between, so not left standing.
    expect(log).toEqual(['giftReceived', 'giftWithdrawn', 'giftWithdrawn']);
  });
});
