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
    expect(texts(trpcWireFormat.events('3', [entry])).map((text) => JSON.parse(text) as unknown)).toEqual([
      { id: 3, result: { type: 'data', id: '5-0', data: { json: { id: '5-0', data: entry.event } } } },
    ]);
  });

  it('writes a frame an event, in order, in one piece', () => {
    const entries = [feedEntry(1), feedEntry(2), feedEntry(3)];
    const alone = entries.map((entry) => Buffer.from(trpcWireFormat.events('"a"', [entry])));
    expect(Buffer.from(trpcWireFormat.events('"a"', entries))).toEqual(Buffer.concat(alone));
    expect(texts(trpcWireFormat.events('"a"', entries))).toHaveLength(3);
    expect(trpcWireFormat.events('"a"', [])).toHaveLength(0);
  });

  it('writes activity without an id, which would move the cursor', () => {
    const activity = { levels: [{ userId: userIdSchema.parse(7), level: -20 }], forwarded: [], participantCount: 3 };
    const [text = ''] = texts(trpcWireFormat.activity('4', activity));
    expect(JSON.parse(text)).toEqual({ id: 4, result: { type: 'data', data: { json: activity } } });
  });

  it('writes final, unmasked text frames whose length is in the shortest form, at every limit of it', () => {
    const overhead = texts(trpcWireFormat.events('3', [feedEntry(1, { content: '' })]))[0]?.length ?? 0;
    for (const length of [overhead, 125, 126, 127, 65_535, 65_536, 200_000].filter((n) => n >= overhead)) {
      const entry = feedEntry(1, { content: 'x'.repeat(length - overhead) });
      const [frame, ...others] = readFrames(trpcWireFormat.events('3', [entry]));
      expect(others).toEqual([]);
      expect(frame).toMatchObject({ final: true, opcode: 1, masked: false, shortest: true });
      expect(frame?.text).toHaveLength(length);
    }
    expect(
      readFrames(trpcWireFormat.activity('3', { levels: [], forwarded: [], participantCount: 1 }))[0],
    ).toMatchObject({
      final: true,
      opcode: 1,
      masked: false,
      shortest: true,
    });
  });

  it('counts length in bytes, not characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (content) => {
        const wellFormed = content.toWellFormed();
        const entry = feedEntry(1, { content: wellFormed });
        const [text = ''] = texts(trpcWireFormat.events('3', [entry, entry]));
        expect(JSON.parse(text)).toMatchObject({
          result: { data: { json: { data: { message: { content: wellFormed } } } } },
        });
      }),
    );
  });
});
