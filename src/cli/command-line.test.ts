import { defineCommand } from 'citty';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from './command-line.ts';
import { commonArgs, readDuration, roomArg, userArg } from './server.ts';

const run = vi.fn<(args: unknown) => void>();

const ban = defineCommand({
  meta: { name: 'ban', description: 'Keeps a user out' },
  args: {
    ...commonArgs,
    room: roomArg,
    user: userArg,
    for: { type: 'string', description: 'For how long', valueHint: 'time' },
    tone: { type: 'enum', description: 'How', options: ['kind', 'firm'] },
  },
  run: ({ args }) => run(args),
});
const retry = defineCommand({
  meta: { name: 'retry' },
  args: { ...commonArgs, 'ids...': { type: 'positional', required: false } },
  run: ({ args }) => run(args),
});
const main = defineCommand({
  meta: { name: 'flylive' },
  subCommands: { people: () => Promise.resolve(defineCommand({ subCommands: { ban, retry } })) },
});

describe('a command line', () => {
  let told: string;

  beforeEach(() => {
    told = '';
    run.mockClear();
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      told += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = 0;
  });

  it.each([
    ['people ban 1 6 --fro 7d', 'there is no option --fro; did you mean --for?'],
    ['people ban 1 6 --until 7d', 'there is no option --until'],
    ['people ban 1 6 -f 7d', 'there is no option -f'],
    ['people ban 1 6 --no-json', 'there is no option --no-json'],
    ['people ban 1 6 7d', '"7d" is one argument too many'],
    ['people ban 1 6 --for', '--for needs a value'],
    ['people ban 1 6 --for --json', '--for needs a value'],
    ['people ban 1 6 --for=', '--for needs a value'],
    ['people ban 1 6 --json=no', '--json takes no value'],
    ['people ban 1 6 --tone loud', '--tone must be kind or firm'],
    ['people ban 1', 'USER is missing'],
    ['people ban', 'ROOM and USER are missing'],
    ['people bann 1 6', 'there is no command "bann"; did you mean ban?'],
    ['people toString', 'there is no command "toString"'],
    ['--json people ban 1 6', '--json stands before the command'],
  ])('is refused in one line: flylive %s', async (line, message) => {
    await runCommandLine(main, line.split(' '));
    expect(run).not.toHaveBeenCalled();
    expect(process.exitCode).toBe(1);
    expect(told).toMatch(/^flylive: .* \(see flylive.* --help\)\n$/);
    expect(told).toContain(message);
  });

  it.each([
    ['people ban 1 6 --for 7d --json', { room: '1', user: '6', for: '7d', json: true }],
    ['people ban --for=-1 --tone firm 1 6', { room: '1', user: '6', for: '-1', tone: 'firm', json: false }],
    ['people ban 1 -- --for', { room: '1', user: '--for' }],
    ['people retry a b c', { _: ['a', 'b', 'c'] }],
    ['people retry', { _: [] }],
  ])('is understood: flylive %s', async (line, args) => {
    await runCommandLine(main, line.split(' '));
    expect(told).toBe('');
    expect(run).toHaveBeenCalledExactlyOnceWith(expect.objectContaining(args));
  });
});

describe('a time', () => {
  it.each([
    ['90s', 90],
    ['30m', 1_800],
    ['12h', 43_200],
    ['3650d', 315_360_000],
  ])('%s is %i seconds', (text, seconds) => {
    expect(readDuration('for', text)).toBe(seconds);
  });

  it.each(['ever', '7x', '7', '0d', '-1d', '1.5h', '3651d', '7d '])('is not "%s"', (text) => {
    expect(() => readDuration('for', text)).toThrow('--for must be a time such as 30m, 12h or 7d, 3650d at most');
  });
});
