import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { environmentSchema } from './config.ts';

const text = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
const example = parseEnv(text);

describe('.env.example', () => {
  it('names every setting, once, and nothing else', () => {
    const names = [...text.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(names.toSorted()).toEqual(Object.keys(environmentSchema.shape).sort());
  });

  it('shows the default of every setting that has one, and leaves the others empty', () => {
    const written = Object.fromEntries(Object.entries(example).filter(([, value]) => value !== ''));
    const defaults = environmentSchema.parse({});
    expect(environmentSchema.parse(written)).toEqual(defaults);
    const withDefault = Object.entries(defaults).filter(([, value]) => !Array.isArray(value) || value.length > 0);
    expect(Object.keys(written).sort()).toEqual(withDefault.map(([name]) => name).sort());
  });
});
