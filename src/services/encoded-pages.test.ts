import { beforeEach, describe, expect, it } from 'vitest';
import { feedEntry, userId } from '../../test/support/feed-entries.ts';
import { roomIdSchema } from '../core/ids.ts';
import { EncodedPages } from './encoded-pages.ts';
import type { WireFormat } from './wire-format.ts';

const roomId = roomIdSchema.parse('1');
const chat = { topic: 'chat', userId: userId(1) } as const;

let encoded: number;
let pages: EncodedPages;

beforeEach(() => {
  encoded = 0;
  const wire: Pick<WireFormat, 'events'> = {
    events: (entries) => {
      encoded += 1;
      return { for: () => Buffer.from(entries.map(({ id }) => id).join()) };
    },
  };
  pages = new EncodedPages(wire as WireFormat);
});

const ids = (...numbers: number[]): string => numbers.map((n) => `${n}-0`).join();
const encode = (room = roomId, filter: Parameters<EncodedPages['encode']>[1] = chat, ...numbers: number[]): string =>
  pages
    .encode(
      room,
      filter,
      numbers.map((n) => feedEntry(n)),
    )
    .for('3')
    .toString();

describe('encoded pages', () => {
  it('are made once for all who want the same', () => {
    expect(encode(roomId, chat, 1, 2, 3)).toBe(ids(1, 2, 3));
    expect(encode(roomId, { topic: 'chat', userId: userId(2) }, 1, 2, 3)).toBe(ids(1, 2, 3));
    expect(encoded).toBe(1);
  });

  it('differ by room, topic, beginning and end', () => {
    encode(roomId, chat, 1, 2, 3);
    encode(roomIdSchema.parse('2'), chat, 1, 2, 3);
    encode(roomId, { ...chat, topic: 'gift' }, 1, 2, 3);
    expect(encode(roomId, chat, 2, 3)).toBe(ids(2, 3));
    expect(encode(roomId, chat, 1, 2)).toBe(ids(1, 2));
    expect(encoded).toBe(5);
  });

  it('with something for one user alone are nobody else’s', () => {
    const forOne = [feedEntry(1), feedEntry(2, { recipient: 1 }), feedEntry(3)];
    expect(pages.encode(roomId, chat, forOne).for('3').toString()).toBe(ids(1, 2, 3));
    expect(encode(roomId, { topic: 'chat', userId: userId(2) }, 1, 3)).toBe(ids(1, 3));
    expect(encode(roomId, { topic: 'chat', userId: userId(3) }, 1, 3)).toBe(ids(1, 3));
    expect(encoded).toBe(2);
  });

  it('are kept for a while only', () => {
    for (let n = 1; n <= 9; n += 1) encode(roomId, chat, n);
    encode(roomId, chat, 9);
    expect(encoded).toBe(9);
    encode(roomId, chat, 1);
    expect(encoded).toBe(10);
  });
});
