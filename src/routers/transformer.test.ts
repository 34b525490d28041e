import superjson from 'superjson';
import { describe, expect, it } from 'vitest';
import { transformer, UnreadableInputError } from './transformer.ts';

const { deserialize } = transformer.input;

/** Why a payload is refused. */
function problemOf(payload: unknown): string {
  const input = deserialize(payload);
  if (!(input instanceof UnreadableInputError)) throw new Error('The payload was read');
  return input.message;
}

describe('what clients send', () => {
  it('keeps plain inputs, undefined fields and repeated objects', () => {
    const feedback = { type: 'nack' };
    const input = { roomId: '1', sessionId: undefined, codecs: [{ feedback }, { feedback }], none: null };
    expect(deserialize(superjson.serialize(input))).toEqual(input);
    expect(deserialize(superjson.serialize(undefined))).toBeUndefined();
    expect(deserialize(undefined)).toBeUndefined();
  });

  it.each([
    ['a regular expression', { at: /a+b/ }],
    ['a date', { at: new Date(0) }],
    ['a big integer', { at: 1n }],
    ['a set', { at: new Set([1]) }],
    ['a map', { at: new Map([[1, 2]]) }],
    ['a URL', { at: new URL('http://x/') }],
  ])('refuses %s', (_, input) => {
    expect(problemOf(superjson.serialize(input))).toContain('types that no procedure takes');
  });

  it('refuses paths into prototypes', () => {
    expect(problemOf(JSON.parse('{"json":{"__proto__":{"polluted":1}}}'))).toContain('forbidden key');
    expect(problemOf({ json: { a: 1 }, meta: { values: { 'constructor.prototype.x': ['undefined'] } } })).toContain(
      'types that no procedure takes',
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('refuses deep nesting and giant arrays', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 30_000; depth++) deep = [deep];
    expect(problemOf({ json: deep })).toContain('nested too deeply');
    expect(problemOf({ json: Array.from({ length: 30_000 }, () => 0) })).toContain('too many values');
    expect(problemOf({ json: Array.from({ length: 100 }, () => Array.from({ length: 100 }, () => 0)) })).toContain(
      'too many values',
    );
  });

  it.each([[null], ['text'], [7], [[1, 2]]])('refuses %j in the place of a payload', (payload) => {
    expect(problemOf(payload)).toContain('not in the form of superjson');
  });
});
