import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './commands.mjs';
import { SetupProblem } from './problem.mjs';
import { MESON_ARGUMENTS, SOURCE_EDITS } from './worker-build/recipe.mjs';

const MEMORY_PER_JOB = 1024 ** 3;

/** What belongs to the build beside the sources. */
export const RECIPE_FOLDER = fileURLToPath(new URL('worker-build', import.meta.url));

/** mediasoup's own way to its worker, with more of the internet and Python. */
export const OFFICIAL_INSTALL = '(cd node_modules/mediasoup && node npm-scripts.mjs postinstall)';

/**
 * Builds the worker from the sources that come with the npm package.
 *
 * @param {object} task
 * @param {string} task.sources mediasoup's folder `worker`
 * @param {string | undefined} task.libsrtp the sources of libsrtp 2; without them the system's library is used
 * @param {string} task.folder an empty folder to build in
 * @param {string} task.logFile gets the whole output
 * @param {(detail: string) => void} task.report
 * @returns {Promise<string>} the path of the binary
 * @throws {SetupProblem}
 */
export async function compileWorker({ sources, libsrtp, folder, logFile, report }) {
  const tree = join(folder, 'worker');
  const build = join(tree, 'build');
  report('preparing');
  prepareSources(sources, tree);
  if (libsrtp) cpSync(libsrtp, join(tree, 'subprojects', 'libsrtp2'), { recursive: true });

  const setup = await run('meson', ['setup', ...MESON_ARGUMENTS, build, tree], { logFile });
  if (!setup.ok) throw compileProblem('meson', setup.lines, logFile);

  // Lowest priority, so that a desktop stays usable.
  const jobs = String(buildJobs(availableParallelism(), totalmem()));
  const ninja = ['nice', '-n', '19', 'ninja', '-C', build, '-j', jobs, 'mediasoup-worker'];
  const result = await run(ninja[0] ?? '', ninja.slice(1), {
    logFile,
    onLine: (line) => {
      const match = /^\[(\d+)\/(\d+)\]/.exec(line);
      if (match) report(`${match[1]} of ${match[2]} files`);
    },
  });
  if (!result.ok) throw compileProblem('the compiler', result.lines, logFile);
  return join(build, 'mediasoup-worker');
}

/**
 * @param {number} cores
 * @param {number} memory in bytes
 * @returns {number} how many compilers to run at once: one a core, a gigabyte each
 */
export function buildJobs(cores, memory) {
  return Math.max(1, Math.min(cores, Math.floor(memory / MEMORY_PER_JOB)));
}

/**
 * Copies the sources, edits them and puts our subprojects in place of the downloads.
 *
 * @param {string} sources
 * @param {string} tree
 */
export function prepareSources(sources, tree) {
  cpSync(sources, tree, {
    recursive: true,
    filter: (path) => path !== join(sources, 'out') && path !== join(sources, 'prebuild'),
  });
  for (const { file, find, replace } of SOURCE_EDITS) {
    const path = join(tree, file);
    writeFileSync(path, replaceOnce(readFileSync(path, 'utf8'), find, replace, file));
  }
  const templates = join(RECIPE_FOLDER, 'subprojects');
  for (const name of readdirSync(templates)) {
    const wrap = join(tree, 'subprojects', `${name}.wrap`);
    if (!existsSync(wrap)) throw outdatedRecipe(`subprojects/${name}.wrap is gone`);
    const folder = join(tree, 'subprojects', wrapDirectory(readFileSync(wrap, 'utf8')) ?? name);
    mkdirSync(folder, { recursive: true });
    cpSync(join(templates, name), folder, { recursive: true });
  }
}

/**
 * @param {string} wrap the content of a Meson wrap file
 * @returns {string | undefined} the name of the folder that Meson looks for
 */
export function wrapDirectory(wrap) {
  return /^directory\s*=\s*(\S+)/m.exec(wrap)?.[1];
}

/**
 * @param {string} text
 * @param {string} find
 * @param {string} replace
 * @param {string} file for the message
 * @returns {string}
 * @throws {SetupProblem} when `find` is not there exactly once
 */
export function replaceOnce(text, find, replace, file) {
  const parts = text.split(find);
  if (parts.length !== 2) throw outdatedRecipe(`${file} has changed`);
  return parts.join(replace);
}

/** @param {string} reason */
function outdatedRecipe(reason) {
  return new SetupProblem(
    `The recipe in scripts/setup/worker-build does not fit this version of mediasoup: ${reason}.`,
    [OFFICIAL_INSTALL],
  );
}

/**
 * @param {string} who
 * @param {string[]} lines
 * @param {string} logFile
 */
function compileProblem(who, lines, logFile) {
  const error = lines.find((line) => /error|FAILED/i.test(line)) ?? lines.at(-1) ?? '';
  return new SetupProblem(
    `The mediasoup worker could not be built, ${who} failed: ${error.trim()} (whole output: ${logFile}).`,
    [OFFICIAL_INSTALL],
  );
}
