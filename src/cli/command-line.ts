import { parseArgs } from 'node:util';
import { type ArgsDef, type CommandDef, runCommand } from 'citty';
import { renderHelp, resolve } from './help.ts';
import { nearest } from './nearest.ts';
import { CommandError, print, report } from './server.ts';

/**
 * Finds the command that the arguments name and runs it, or explains it when they ask for help. citty takes whatever it
 * does not know in silence, and a mistyped `--for` must not ban for good: what a command does not take is refused here.
 * An argument whose name ends in `...` takes all that are left.
 */
export async function runCommandLine(main: CommandDef, args: readonly string[]): Promise<void> {
  try {
    const { command, path, rest } = await findCommand(main, args);
    if (asksForHelp(rest)) return print(await renderHelp(command, path));
    if (command.subCommands) {
      process.stderr.write(`${await renderHelp(command, path)}\n`);
      process.exitCode = 1;
      return;
    }
    assertTaken(await resolve(command.args ?? {}), rest, path);
    await runCommand(command, { rawArgs: rest });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    report(error);
  }
}

interface FoundCommand {
  readonly command: CommandDef;
  /** The words that name it, `flylive` first. */
  readonly path: readonly string[];
  /** What follows them. */
  readonly rest: string[];
}

/** @throws CommandError when there is no such command */
async function findCommand(main: CommandDef, args: readonly string[]): Promise<FoundCommand> {
  let command = main;
  const path = ['flylive'];
  for (let at = 0; ; at += 1) {
    const rest = args.slice(at);
    const [name] = rest;
    if (!command.subCommands || name === undefined || asksForHelp([name])) return { command, path, rest };
    const subCommands = await resolve(command.subCommands);
    const next = Object.hasOwn(subCommands, name) ? subCommands[name] : undefined;
    if (next === undefined) {
      const wrong = name.startsWith('-') ? `${name} stands before the command` : `there is no command "${name}"`;
      throw mistake(wrong + guess(name, Object.keys(subCommands)), path);
    }
    command = (await resolve(next)) as CommandDef;
    path.push(name);
  }
}

/** @throws CommandError when there is something that the command does not take, or something that it needs is missing */
function assertTaken(defined: ArgsDef, args: string[], path: readonly string[]): void {
  const options = new Map(Object.entries(defined).filter(([, { type }]) => type !== 'positional'));
  const { tokens, positionals } = parseArgs({
    args,
    options: Object.fromEntries(
      [...options].map(([name, { type }]) => [name, { type: type === 'boolean' ? 'boolean' : 'string' }] as const),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const option = rawName.startsWith('--') ? options.get(name) : undefined;
    if (option === undefined) {
      throw mistake(`there is no option ${rawName}${guess(name, [...options.keys()], '--')}`, path);
    }
    if (option.type === 'boolean') {
      if (value !== undefined) throw mistake(`--${name} takes no value`, path);
    } else if (value === undefined || value === '' || (!inlineValue && /^-(?!\d)/.test(value))) {
      throw mistake(`--${name} needs a value`, path);
    } else if (option.type === 'enum' && !option.options?.includes(value)) {
      throw mistake(`--${name} must be ${(option.options ?? []).join(' or ')}`, path);
    }
  }

  const places = Object.entries(defined).filter(([, { type }]) => type === 'positional');
  const missing = places.slice(positionals.length).filter(([, { required }]) => required !== false);
  if (missing.length > 0) {
    const names = missing.map(([name]) => name.toUpperCase()).join(' and ');
    throw mistake(`${names} ${missing.length === 1 ? 'is' : 'are'} missing`, path);
  }
  const surplus = places.some(([name]) => name.endsWith('...')) ? [] : positionals.slice(places.length);
  if (surplus[0] !== undefined) throw mistake(`"${surplus[0]}" is one argument too many`, path);
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

function mistake(message: string, path: readonly string[]): CommandError {
  return new CommandError(1, `${message} (see ${path.join(' ')} --help)`);
}

function guess(word: string, known: readonly string[], dashes = ''): string {
  const meant = nearest(word, known);
  return meant === null ? '' : `; did you mean ${dashes}${meant}?`;
}
