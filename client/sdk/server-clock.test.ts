import { expect, it } from 'vitest';
import { ServerClock } from './server-clock.ts';

it('is this device’s clock until an event tells more', () => {
  expect(new ServerClock(() => 5_000).now()).toBe(5_000);
});

it('follows the event that travelled least, whatever comes late', () => {
  let local = 100_000;
  const clock = new ServerClock(() => local);
  clock.observe('20000-0'); // replayed: 60 s old
  expect(clock.now()).toBe(20_000);
  local += 1_000;
  clock.observe('80990-3'); // live
  expect(clock.now()).toBe(80_990);
  local += 1_000;
  clock.observe('30000-0'); // replayed again
  expect(clock.now()).toBe(81_990);
});

it('reads a server that is ahead of this device', () => {
  const clock = new ServerClock(() => 1_000);
  clock.observe('61000-0');
  expect(clock.now()).toBe(61_000);
});

it('passes over ids that hold no time', () => {
  const clock = new ServerClock(() => 1_000);
  clock.observe('0-0');
  clock.observe('$');
  expect(clock.now()).toBe(1_000);
});
