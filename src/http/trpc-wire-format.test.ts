import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feedEntry } from '../../test/support/feed-entries.ts';
import { readFrames } from '../../test/support/frames.ts';
import { userIdSchema } from '../core/ids.ts';
import { trpcWireFormat } from './trpc-wire-format.ts';

const texts = (bytes: Uint8Array): string[] => readFrames(bytes).map(({ text }) => text);

describe('the wire format', () => {
  it('writes a tracked event as tRPC does: its id beside the result and inside the data', () => {
    const entry = feedEntry(5, { content: 'Hello' });
    expect(texts(trpcWireFormat.events([entry]).for('3')).map((text) => JSON.parse(text) as unknown)).toEqual([
      { id: 3, result: { type: 'data', id: '5-0', data: { json: { id: '5-0', data: entry.event } } } },
    ]);
  });

  it('writes a frame an event, in order, in one piece', () => {
    const entries = [feedEntry(1), feedEntry(2), feedEntry(3)];
    const alone = entries.map((entry) => Buffer.from(trpcWireFormat.events([entry]).for('"a"')));
    expect(Buffer.from(trpcWireFormat.events(entries).for('"a"'))).toEqual(Buffer.concat(alone));
    expect(texts(trpcWireFormat.events(entries).for('"a"'))).toHaveLength(3);
    expect(trpcWireFormat.events([]).for('"a"')).toHaveLength(0);
  });

  it('writes activity without an id, which would move the cursor', () => {
    const activity = {
      levels: [{ userId: userIdSchema.parse(7), level: -20 }],
      forwarded: [],
      participantCount: 3,
      reactions: [],
    };
    const [text = ''] = texts(trpcWireFormat.activity(activity).for('4'));
    expect(JSON.parse(text)).toEqual({ id: 4, result: { type: 'data', data: { json: activity } } });
  });

  it('writes final, unmasked text frames whose length is in the shortest form, at every limit of it', () => {
    const overhead = texts(trpcWireFormat.events([feedEntry(1, { content: '' })]).for('3'))[0]?.length ?? 0;
    for (const length of [overhead, 125, 126, 127, 65_535, 65_536, 200_000].filter((n) => n >= overhead)) {
      const entry = feedEntry(1, { content: 'x'.repeat(length - overhead) });
      const [frame, ...others] = readFrames(trpcWireFormat.events([entry]).for('3'));
      expect(others).toEqual([]);
      expect(frame).toMatchObject({ final: true, opcode: 1, masked: false, shortest: true });
      expect(frame?.text).toHaveLength(length);
    }
    expect(
      readFrames(
        trpcWireFormat.activity({ levels: [], forwarded: [], participantCount: 1, reactions: [] }).for('3'),
      )[0],
    ).toMatchObject({
      final: true,
      opcode: 1,
      masked: false,
      shortest: true,
    });
  });

  it('makes one piece for equal request ids, and whole messages for ids of any length and alphabet', () => {
    const messages = trpcWireFormat.events([feedEntry(1), feedEntry(2, { content: 'é'.repeat(100) })]);
    expect(messages.for('3')).toBe(messages.for('3'));
    for (const id of [3, 123_456, 'é😀', 'x'.repeat(200)]) {
      const ids = texts(messages.for(JSON.stringify(id))).map((text) => (JSON.parse(text) as { id: unknown }).id);
      expect(ids).toEqual([id, id]);
    }
  });

  it('counts length in bytes, not characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (content) => {
        const wellFormed = content.toWellFormed();
        const entry = feedEntry(1, { content: wellFormed });
        const [text = ''] = texts(trpcWireFormat.events([entry, entry]).for('3'));
        expect(JSON.parse(text)).toMatchObject({
          result: { data: { json: { data: { message: { content: wellFormed } } } } },
        });
      }),
    );
  });
});
