import { expect, it } from 'vitest';
import { problemMessage, SetupProblem } from './problem.mjs';

it('puts everything into one message and names each command once', () => {
  const text = problemMessage([
    new SetupProblem('Redis is missing.', ['apt-get update', 'apt-get install redis-server']),
    new SetupProblem('Meson is missing.', ['apt-get update', 'apt-get install meson']),
  ]);
  expect(text).toBe(`
Set-up could not finish:
  - Redis is missing.
  - Meson is missing.

Run this:

  apt-get update
  apt-get install redis-server
  apt-get install meson

and then the same npm command again.
`);
});
