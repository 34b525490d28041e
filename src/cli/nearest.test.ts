import { expect, it } from 'vitest';
import { nearest } from './nearest.ts';

it.each([
  ['fro', ['url', 'json', 'for', 'reason'], 'for'],
  ['reasn', ['url', 'for', 'reason'], 'reason'],
  ['jsno', ['url', 'json'], 'json'],
  ['bann', ['kick', 'bans', 'ban'], 'bans'],
  ['unbann', ['ban', 'unban'], 'unban'],
  ['until', ['url', 'json', 'for', 'reason'], null],
  ['f', ['url', 'for'], null],
  ['', ['url'], null],
])('takes "%s" among %j for %s', (word, known, meant) => {
  expect(nearest(word, known)).toBe(meant);
});
