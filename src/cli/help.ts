import type { ArgDef, CommandDef, CommandMeta, Resolvable } from 'citty';
import { commonArgs } from './server.ts';

declare module 'citty' {
  interface CommandMeta {
    /** Command lines for the help, without the leading `flylive`. */
    readonly examples?: readonly string[];
  }
}

/** A line of the help: what it is about, and what is said of it. */
type Row = readonly [name: string, text: string];

const environment: readonly Row[] = [
  [
    'LARAVEL_INTERNAL_KEY',
    "The server's key, as in its .env; in a checkout, npm run flylive knows that of npm run dev",
  ],
  ['FLYLIVE_URL', 'Address of the server, in the place of --url'],
];

const exitCodes: readonly Row[] = [
  ['0', 'Done'],
  ['1', 'The command line is wrong'],
  ['2', 'The server refuses or fails'],
  ['3', 'The server cannot be reached'],
];

/**
 * Explains a command.
 *
 * @param path - the words that name it, `flylive` first
 */
export async function renderHelp(command: CommandDef, path: readonly string[]): Promise<string> {
  const { description = '', examples = [] } = await metaOf(command);
  const args = Object.entries((await resolve(command.args)) ?? {});
  const places = args.filter(([, { type }]) => type === 'positional');
  const options = args.filter(([, { type }]) => type !== 'positional');
  const [own, common] = [
    options.filter(([name]) => !(name in commonArgs)),
    options.filter(([name]) => name in commonArgs),
  ];
  const commands = await listCommands(command);
  const usage = [
    ...path,
    ...(commands.length > 0 ? ['<command>'] : []),
    ...places.map(([name, { required }]) => (required === false ? `[${name.toUpperCase()}]` : name.toUpperCase())),
    ...(options.length > 0 ? ['[options]'] : []),
  ];
  return [
    description,
    `Usage: ${usage.join(' ')}`,
    ...section('Commands', commands),
    ...section(
      'Arguments',
      places.map(([name, { description: text = '' }]) => [name.toUpperCase(), text]),
    ),
    ...section('Options', [...own, ...common].map(describeOption)),
    ...section(
      'Examples',
      examples.map((example) => [`flylive ${example}`, '']),
    ),
    ...section('Environment', environment),
    ...section('Exit codes', exitCodes),
    ...(commands.length > 0 ? [`More about a command: ${path.join(' ')} <command> --help`] : []),
  ].join('\n\n');
}

/** What citty takes as a value, a promise of one, or a function that answers either. */
export async function resolve<T>(value: Resolvable<T>): Promise<T> {
  return typeof value === 'function' ? (value as () => T | Promise<T>)() : value;
}

async function metaOf(command: CommandDef): Promise<CommandMeta> {
  return (await resolve(command.meta)) ?? {};
}

async function listCommands(command: CommandDef): Promise<Row[]> {
  const subCommands = Object.entries((await resolve(command.subCommands)) ?? {});
  return Promise.all(
    subCommands.map(async ([name, each]): Promise<Row> => {
      const { description = '' } = await metaOf((await resolve(each)) as CommandDef);
      return [name, description];
    }),
  );
}

function describeOption([name, option]: [string, ArgDef]): Row {
  const { description = '', default: preset } = option;
  const value = option.type === 'enum' ? (option.options ?? []).join('|') : option.valueHint;
  return [
    option.type === 'boolean' ? `--${name}` : `--${name} <${value ?? 'text'}>`,
    typeof preset === 'string' ? `${description} (else ${preset})` : description,
  ];
}

function section(title: string, rows: readonly Row[]): string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [[title, ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`.trimEnd())].join('\n')];
}
