import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isExecutable, onInterrupt, run } from './commands.mjs';
import { fetchLibsrtp } from './libsrtp-source.mjs';
import { SetupProblem } from './problem.mjs';
import { ensurePrograms } from './programs.mjs';
import { BUILD_PACKAGES } from './worker-build/recipe.mjs';
import { cacheFolder, cacheKey, copyBinary, hashFolder } from './worker-cache.mjs';
import { compileWorker, OFFICIAL_INSTALL, RECIPE_FOLDER } from './worker-compile.mjs';
import { downloadWorker, prebuiltUrl } from './worker-download.mjs';

const CHECK_SCRIPT = fileURLToPath(new URL('check-worker.mjs', import.meta.url));
// The worker's answer to a start without its version in the environment (main.cpp).
const EXIT_CODE_OF_A_WORKER_THAT_STARTS = 41;

/**
 * @typedef {object} Context
 * @property {string} root the folder of package.json
 * @property {import('./platform.mjs').System} system
 * @property {import('./progress.mjs').Progress} progress
 * @property {import('./system-packages.mjs').AptInstaller} apt
 * @property {NodeJS.ProcessEnv} env
 */

/**
 * Makes sure that mediasoup finds its native worker where it looks by default.
 *
 * @param {Context} context
 * @returns {Promise<void>}
 * @throws {SetupProblem}
 */
export async function ensureWorker(context) {
  const { env, root, system } = context;
  if (env.MEDIASOUP_WORKER_BIN) {
    // mediasoup obeys this variable, so nothing else would help.
    if (runsHere(env.MEDIASOUP_WORKER_BIN)) return;
    throw new SetupProblem(
      `MEDIASOUP_WORKER_BIN names ${env.MEDIASOUP_WORKER_BIN}, which does not exist or does not run here.`,
      ['unset MEDIASOUP_WORKER_BIN'],
    );
  }
  const mediasoup = join(root, 'node_modules', 'mediasoup');
  const target = join(mediasoup, 'worker', 'out', 'Release', 'mediasoup-worker');
  if (runsHere(target)) return;

  const manifest = JSON.parse(readFileSync(join(mediasoup, 'package.json'), 'utf8'));
  const key = cacheKey({
    version: manifest.version,
    systemId: system.id,
    arch: process.arch,
    recipeHash: hashFolder(RECIPE_FOLDER),
  });
  const cached = join(cacheFolder(env), 'mediasoup-worker', key, 'mediasoup-worker');
  const place = { mediasoup, manifest, cached };

  const found = await firstOf([
    { name: 'cache', attempt: () => fromCache(cached) },
    { name: 'download', attempt: () => fromDownload(context, place) },
    { name: 'build', attempt: () => fromBuild(context, place) },
  ]);
  copyBinary(found, target);
}

/**
 * Tries one way after the other.
 *
 * @param {{ name: string, attempt: () => Promise<string> }[]} ways each rejects when it
 *   leads nowhere
 * @returns {Promise<string>} what the first successful one gave
 * @throws {unknown} what the last one failed with
 */
export async function firstOf(ways) {
  let failure;
  for (const { attempt } of ways) {
    try {
      return await attempt();
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** @param {string} cached */
async function fromCache(cached) {
  // Proven before it was put there.
  if (!runsHere(cached)) throw new Error('not in the cache');
  return cached;
}

/** @typedef {{ mediasoup: string, manifest: any, cached: string }} Place */

/**
 * @param {Context} context
 * @param {Place} place
 */
async function fromDownload(context, { manifest, cached }) {
  // The check of a fresh worker needs it.
  await ensurePrograms(context, ['openssl']);
  const url = prebuiltUrl(manifest, {
    platform: process.platform,
    arch: process.arch,
    kernel: release(),
    env: context.env,
  });
  return withTemporaryFolder(context.env, (folder) =>
    context.progress.step('Downloading the mediasoup worker', async (report) => {
      const binary = await downloadWorker(url, folder);
      report('checking it');
      await prove(context.root, binary);
      copyBinary(binary, cached);
      return cached;
    }),
  );
}

/**
 * @param {Context} context
 * @param {Place} place
 */
async function fromBuild(context, { mediasoup, cached }) {
  const { apt, env, progress, root, system } = context;
  if (system.family !== 'debian') {
    // Without it even a good download was turned down.
    await ensurePrograms(context, ['openssl']);
    throw new SetupProblem(
      'The mediasoup worker could not be downloaded, and set-up builds it on Debian and its relatives only.',
      [OFFICIAL_INSTALL],
    );
  }
  await apt.install(BUILD_PACKAGES, 'building the mediasoup worker');
  // A cached one that only lacked its shared libraries runs now.
  if (runsHere(cached)) return cached;

  const logFile = join(cacheFolder(env), 'mediasoup-worker-build.log');
  rmSync(logFile, { force: true });
  return withTemporaryFolder(env, async (folder) => {
    const fetched = await progress
      .step("Getting the sources of libsrtp (without them the system's is used, which is slower)", () =>
        fetchLibsrtp({ folder: join(folder, 'libsrtp'), logFile }),
      )
      .catch(() => undefined);
    return progress.step('Building the mediasoup worker, once, some minutes', async (report) => {
      const sources = join(mediasoup, 'worker');
      const binary = await compileWorker({ sources, libsrtp: fetched, folder, logFile, report });
      report('checking it');
      await prove(root, binary);
      copyBinary(binary, cached);
      return cached;
    });
  });
}

/**
 * @param {string} root
 * @param {string} binary
 */
async function prove(root, binary) {
  const ownNode = join(root, 'node_modules', '.bin', 'node');
  const node = existsSync(ownNode) ? ownNode : process.execPath;
  const check = await run(node, [CHECK_SCRIPT, binary], { cwd: root });
  if (!check.ok) {
    throw new SetupProblem(
      `The fresh mediasoup worker was thrown away, it fails its check: ${check.lines.at(-1) ?? ''}.`,
      [OFFICIAL_INSTALL],
    );
  }
}

/**
 * @param {string} binary
 * @returns {boolean} whether it is there and all its shared libraries are, too
 */
function runsHere(binary) {
  if (!isExecutable(binary)) return false;
  const { status } = spawnSync(binary, [], { env: {}, stdio: 'ignore', timeout: 5_000 });
  return status === EXIT_CODE_OF_A_WORKER_THAT_STARTS;
}

/**
 * @template T
 * @param {NodeJS.ProcessEnv} env
 * @param {(folder: string) => Promise<T>} task
 * @returns {Promise<T>}
 */
async function withTemporaryFolder(env, task) {
  mkdirSync(cacheFolder(env), { recursive: true });
  const folder = mkdtempSync(join(cacheFolder(env), 'tmp-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const release = onInterrupt(remove);
  try {
    return await task(folder);
  } finally {
    release();
    remove();
  }
}
