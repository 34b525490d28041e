import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './commands.mjs';
import { installCommands } from './platform.mjs';
import { SetupProblem } from './problem.mjs';

const LOCK_TRIES = 60;
const LOCK_PAUSE_MS = 5_000;
/** Packages whose installation starts a service. */
const SERVICES = ['redis-server', 'coturn'];

/**
 * Installs Debian packages, the lists being refreshed once a set-up.
 *
 * @param {import('./progress.mjs').Progress} progress
 */
export function createAptInstaller(progress) {
  let listsAreFresh = false;

  /**
   * @param {string[]} wanted packages; those already there are left alone
   * @param {string} purpose completes "Debian packages for ..."
   * @throws {SetupProblem}
   */
  async function install(wanted, purpose) {
    const missing = await missingPackages(wanted);
    if (missing.length === 0) return;
    const prefix = await rootPrefix();
    const byHand = installCommands('debian', missing, process.getuid?.() === 0);
    if (!prefix) {
      throw new SetupProblem(
        `Debian packages for ${purpose} are missing, and neither root nor a sudo without password is at hand: ${missing.join(', ')}.`,
        byHand,
      );
    }
    await progress.step(`Installing Debian packages for ${purpose}`, async (report) => {
      if (!listsAreFresh) {
        report('refreshing the package lists');
        const update = await apt(prefix, ['update']);
        if (!update.ok) throw aptProblem('apt-get update', update.lines, byHand);
        listsAreFresh = true;
      }
      const result = await apt(
        prefix,
        ['-o', 'DPkg::Lock::Timeout=600', 'install', '-y', '--no-install-recommends', ...missing],
        (line) => {
          const match = /^(Unpacking|Setting up) ([^ :]+)/.exec(line);
          if (match) report(`${match[1]?.toLowerCase()} ${match[2]}`);
        },
      );
      if (!result.ok) throw aptProblem('apt-get install', result.lines, byHand);
      for (const service of SERVICES) if (missing.includes(service)) await stopService(prefix, service);
    });
  }

  return { install };
}

/** @typedef {ReturnType<typeof createAptInstaller>} AptInstaller */

/**
 * @param {string[]} wanted
 * @returns {Promise<string[]>}
 */
async function missingPackages(wanted) {
  const found = new Set();
  const onLine = (/** @type {string} */ line) => {
    const [name, status] = line.split('\t');
    if (status === 'installed') found.add(name);
  };
  const format = '${Package}\t${db:Status-Status}\n';
  await run('dpkg-query', ['--show', `--showformat=${format}`, ...wanted], { onLine });
  return wanted.filter((name) => !found.has(name));
}

/** @returns {Promise<string[] | undefined>} what to put before a command to run it as root */
async function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return (await run('sudo', ['-n', 'true'])).ok ? ['sudo', '-n'] : undefined;
}

/**
 * @param {string[]} prefix
 * @param {string[]} args
 * @param {(line: string) => void} [onLine]
 */
async function apt(prefix, args, onLine) {
  const command = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', 'apt-get', ...args];
  for (let attempt = 1; ; attempt++) {
    const result = await run(command[0] ?? '', command.slice(1), { onLine });
    const isLocked = result.lines.some((line) => /Could not get lock|Unable to lock/.test(line));
    // Another set-up or the system's own updates: they end.
    if (result.ok || !isLocked || attempt === LOCK_TRIES) return result;
    await sleep(LOCK_PAUSE_MS);
  }
}

/**
 * @param {string} command
 * @param {string[]} lines
 * @param {string[]} byHand
 */
function aptProblem(command, lines, byHand) {
  const errors = lines.filter((line) => /^[EW]:/.test(line)).slice(0, 3);
  return new SetupProblem(`${command} failed. ${errors.join(' ')}`.trim(), byHand);
}

/**
 * Debian starts a system-wide service with the package. We start private ones and must not
 * leave one behind that nobody asked for.
 *
 * @param {string[]} prefix
 * @param {string} service named as its package
 */
async function stopService(prefix, service) {
  const command = existsSync('/run/systemd/system')
    ? [...prefix, 'systemctl', 'disable', '--now', service]
    : [...prefix, `/etc/init.d/${service}`, 'stop'];
  await run(command[0] ?? '', command.slice(1));
}
