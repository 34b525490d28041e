import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './commands.mjs';
import { SetupProblem } from './problem.mjs';

const DEPENDENCY_FIELDS = ['dependencies', 'devDependencies', 'optionalDependencies'];

/**
 * Installs the npm packages if what is there is not what the lockfile says.
 *
 * @param {string} root the folder of package.json
 * @param {import('./progress.mjs').Progress} progress
 * @throws {SetupProblem}
 */
export async function ensureNodeModules(root, progress) {
  const state = {
    manifest: readJson(join(root, 'package.json')),
    lock: readJson(join(root, 'package-lock.json')),
    installed: readJson(join(root, 'node_modules', '.package-lock.json')),
    isCi: Boolean(process.env.CI) && process.env.CI !== 'false',
  };
  const task = nodeModulesTask(state);
  if (task === 'nothing') return;
  await progress.step('Installing npm packages', async () => {
    let errors = await npm(task, root);
    const lockFits = sameDependencies(state.manifest, state.lock?.packages['']);
    // npm 10 and 11 disagree about optional peers, so `npm ci` may refuse the lockfile of the other.
    if (errors.includes('code EUSAGE') && lockFits) errors = await npm('install --no-save', root);
    if (errors.length > 0) {
      throw new SetupProblem(`npm ${task} failed: ${errors.slice(0, 4).join(' ')}`, [`npm ${task}`]);
    }
  });
}

/**
 * @param {string} task such as `install --no-save`
 * @param {string} root
 * @returns {Promise<string[]>} its error messages; none when it went well
 */
async function npm(task, root) {
  const [program, args] = npmCommand();
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  /** @type {string[]} */
  const errors = [];
  const onLine = (/** @type {string} */ line) => {
    const text = /^npm (?:error|ERR!) (.+)/.exec(line)?.[1];
    if (text) errors.push(text);
  };
  const result = await run(program, [...args, ...task.split(' '), ...flags], { cwd: root, onLine });
  if (result.ok) return [];
  return errors.length > 0 ? errors : ['no reason given'];
}

/**
 * Puts the Node.js of the npm package `node` where npm scripts find it first, unless the
 * Node.js of the system is of that release line already.
 *
 * @param {string} root
 * @param {import('./progress.mjs').Progress} progress
 * @throws {SetupProblem}
 */
export async function ensureNodeBinary(root, progress) {
  const folder = join(root, 'node_modules', 'node');
  const manifest = readJson(join(folder, 'package.json'));
  // Not there after an installation without development dependencies.
  if (!manifest) return;
  const binary = join(folder, 'bin', 'node');
  const link = join(root, 'node_modules', '.bin', 'node');
  if (!existsSync(binary)) {
    if (major(process.versions.node) === major(manifest.version)) return;
    await progress.step(`Installing Node.js ${manifest.version}`, async () => {
      const result = await run(process.execPath, ['installArchSpecificPackage'], { cwd: folder });
      if (!result.ok || !existsSync(binary)) {
        throw new SetupProblem(
          `Node.js ${manifest.version} could not be had from the npm package "node", and the one at hand is ${process.versions.node}.`,
          [
            '(cd node_modules/node && node installArchSpecificPackage)',
            `# or install Node.js ${major(manifest.version)} yourself`,
          ],
        );
      }
    });
  }
  if (!existsSync(link)) {
    mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
    symlinkSync(join('..', 'node', 'bin', 'node'), link);
  }
}

/**
 * Decides what npm has to do.
 *
 * @param {{ manifest: any, lock: any, installed: any, isCi: boolean }} state `installed` is
 *   what npm notes about the packages that it put into node_modules
 * @returns {'nothing' | 'ci' | 'install' | 'install --no-save'}
 */
export function nodeModulesTask({ manifest, lock, installed, isCi }) {
  // In CI a lockfile that does not fit must fail, which `npm ci` does.
  if (!lock || !sameDependencies(manifest, lock.packages[''])) return isCi ? 'ci' : 'install';
  if (!installed) return 'ci';
  if (sameVersions(lock.packages, installed.packages)) return 'nothing';
  // Keeps what is there, the worker and Node.js included, and the lockfile as it is.
  return isCi ? 'ci' : 'install --no-save';
}

/**
 * @param {any} manifest
 * @param {any} locked the lockfile's copy of the manifest
 */
function sameDependencies(manifest, locked) {
  return DEPENDENCY_FIELDS.every((field) => {
    const wanted = manifest[field] ?? {};
    const noted = locked?.[field] ?? {};
    const names = Object.keys(wanted);
    return names.length === Object.keys(noted).length && names.every((name) => wanted[name] === noted[name]);
  });
}

/**
 * @param {Record<string, any>} locked
 * @param {Record<string, any>} installed
 */
function sameVersions(locked, installed) {
  return Object.entries(locked).every(([path, entry]) => {
    const found = installed[path];
    if (found) return found.version === entry.version;
    // Optional ones may be for another platform.
    return path === '' || Boolean(entry.optional || entry.peer);
  });
}

/** @returns {[string, string[]]} the npm that runs us, else the one on PATH */
function npmCommand() {
  const script = process.env.npm_execpath;
  if (script && basename(script) === 'npm-cli.js') return [process.execPath, [script]];
  return ['npm', []];
}

/** @param {string} version */
function major(version) {
  return version.split('.')[0];
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
