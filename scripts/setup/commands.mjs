import { spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const KEPT_LINES = 40;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
/** @type {Set<() => void>} */
const interruptCleanups = new Set();

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {string} [logFile] gets the whole output appended
 * @property {(line: string) => void} [onLine]
 */

/**
 * Runs a program to its end and never throws: a program that does not exist counts as failed.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<{ ok: boolean, code: number | null, lines: string[] }>} `lines`: the
 *   last lines of its output
 */
export function run(program, args, options = {}) {
  const { cwd, env, logFile, onLine } = options;
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const log = logFile ? createWriteStream(logFile, { flags: 'a' }) : undefined;
    /** @type {string[]} */
    const lines = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > KEPT_LINES) lines.shift();
        log?.write(`${line}\n`);
        onLine?.(line);
      });
    }
    running.add(child);
    const finish = (/** @type {number | null} */ code) => {
      running.delete(child);
      log?.end();
      done({ ok: code === 0, code, lines });
    };
    child.on('error', (error) => {
      lines.push(error.message);
      finish(null);
    });
    child.on('close', finish);
  });
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined} the path of that program
 */
export function findOnPath(name, env = process.env) {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * @param {string} path
 * @returns {boolean} whether it is a file that may be run
 */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Has `cleanup` called when the user stops set-up meanwhile.
 *
 * @param {() => void} cleanup must be synchronous
 * @returns {() => void} ends that
 */
export function onInterrupt(cleanup) {
  interruptCleanups.add(cleanup);
  return () => interruptCleanups.delete(cleanup);
}

/** Makes Ctrl-C and SIGTERM end set-up and what it started, without leftovers. */
export function handleInterrupts() {
  /** @type {[NodeJS.Signals, number][]} */
  const signals = [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ];
  for (const [signal, exitCode] of signals) {
    process.once(signal, () => {
      for (const child of running) child.kill(signal);
      for (const cleanup of interruptCleanups) cleanup();
      process.exit(exitCode);
    });
  }
}
