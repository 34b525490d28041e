import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { roomIdSchema } from '../../core/ids.ts';
import * as keys from './keys.ts';

/** What a key name says in the place of an id. */
const placeholder = '<id>';

/** Every name that src/services/redis/keys.ts can make. */
function listKeyPatterns(): Set<string> {
  const makers = Object.values(keys) as (string | ((...ids: string[]) => string | string[]))[];
  return new Set(makers.flatMap((maker) => (typeof maker === 'string' ? maker : maker(placeholder, placeholder))));
}

/** The names that docs/REDIS_KEYS.md explains, whatever it calls the ids. */
function readDocumentedPatterns(): Set<string> {
  const text = readFileSync(new URL('../../../docs/REDIS_KEYS.md', import.meta.url), 'utf8');
  const names = text.matchAll(/^(?:\| )?`([^`]+)` +(?:\||is no key)/gm);
  return new Set([...names].map(([, name = '']) => name.replaceAll(/<[^>]+>/g, placeholder)));
}

describe('docs/REDIS_KEYS.md', () => {
  it('explains every key, and no other', () => {
    expect([...readDocumentedPatterns()].sort()).toEqual([...listKeyPatterns()].sort());
  });
});

describe('the keys of a room', () => {
  it('share a hash tag, so that a script over them stays within one slot', () => {
    const names = keys.roomKeys(roomIdSchema.parse('42'));
    expect(new Set(names).size).toBe(18);
    for (const name of names) expect(name).toMatch(/^room:[a-z-]+:\{42\}$/);
  });
});
