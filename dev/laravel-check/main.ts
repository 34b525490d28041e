/**
 * Checks a Laravel back end against docs/LARAVEL_REQUIREMENTS.md: `npm run laravel:check -- --url <base> --key <key>`.
 * Exit code 0 when all checks pass, 1 when something is missed, 2 when the command line is wrong, 3 when nothing is
 * missed but a check was skipped.
 */
import { parseArgs } from 'node:util';
import { createLaravelStandIn } from '../laravel/index.ts';
import { namedFaults } from '../laravel/named-faults.ts';
import { giftsNeeded } from './gift-checks.ts';
import { checkBackEnd, exitCodeOf, formatResult, formatSummary } from './run.ts';

const standInKey = 'key-of-a-stand-in-that-only-lives-now';
const help = `Checks a back end against docs/LARAVEL_REQUIREMENTS.md.

It gives gifts from one user to another and back and sets the status of one room, so use a test database. Users are
the owners of the listed rooms unless you name them. Have several workers serve it, as in production: one after the
other, requests at the same moment prove nothing.

  npm run laravel:check -- --url https://staging.example.com --key <LARAVEL_INTERNAL_KEY>

  --url <base>        address of the back end, without /internal
  --key <key>         the internal key; by default LARAVEL_INTERNAL_KEY of the environment
  --token <token>     a Sanctum token that is good, to check that it is recognised
  --sender <id>       user with coins for ${giftsNeeded} of the cheapest gift
  --recipient <id>    another user with a wallet
  --share <percent>   what a recipient gets of what the sender pays, 100 by default; 0: no coins. Less takes more coins
  --timeout <ms>      longest time for an answer; 10000 by default, what the audio server waits
  --stand-in          check the stand-in of dev/laravel instead, with an empty database
  --fault <name>      have the stand-in be at fault: ${Object.keys(namedFaults(0)).join(', ')}
  --help

Exit code: 0 all checks passed, 1 something is missed, 2 wrong command line, 3 nothing is missed but a check was
skipped.
`;

function fail(message: string): never {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        url: { type: 'string' },
        key: { type: 'string', default: process.env['LARAVEL_INTERNAL_KEY'] ?? '' },
        token: { type: 'string' },
        sender: { type: 'string' },
        recipient: { type: 'string' },
        share: { type: 'string', default: '100' },
        timeout: { type: 'string', default: '10000' },
        'stand-in': { type: 'boolean', default: false },
        fault: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function readNumber(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : fail(`--${name} must be a positive number`);
}

const values = readArguments();
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}
const timeoutMs = readNumber('timeout', values.timeout) ?? 10_000;
const sharePercent = values.share === '0' ? 0 : (readNumber('share', values.share) ?? 100);
if (sharePercent > 100) fail('--share must be at most 100.');
const users = {
  sharePercent,
  token: values.token ?? null,
  sender: readNumber('sender', values.sender),
  recipient: readNumber('recipient', values.recipient),
};
const print = (line: string): boolean => process.stdout.write(`${line}\n`);

async function checkStandIn(): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const laravel = createLaravelStandIn({ database: ':memory:', internalKey: standInKey });
  stack.defer(() => laravel.close());
  const url = await laravel.start();
  if (values.fault !== undefined) {
    const named = namedFaults(timeoutMs)[values.fault];
    if (named === undefined) fail(`There is no fault ${values.fault}.`);
    laravel.faults.set(named.prefix, named.fault);
  }
  return await check({ ...users, url, key: standInKey, token: laravel.users[0]?.token ?? null });
}

async function check(target: typeof users & { readonly url: string; readonly key: string }): Promise<number> {
  const results = await checkBackEnd({ ...target, timeoutMs }, (result) => print(formatResult(result)));
  print(`\n${formatSummary(results)}`);
  return exitCodeOf(results);
}

if (values['stand-in']) {
  process.exitCode = await checkStandIn();
} else {
  const { url, key } = values;
  if (url === undefined || !URL.canParse(url)) fail('--url must be the address of the back end.');
  if (key === '') fail('--key must be the internal key.');
  if (values.fault !== undefined) fail('--fault is for --stand-in.');
  process.exitCode = await check({ ...users, url, key });
}
