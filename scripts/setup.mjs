/**
 * Gets whatever this machine lacks for development and tests. Runs before `npm run dev`
 * and `npm test`, so it must cost next to nothing when everything is there, needs no
 * package and works with Node.js 20.
 *
 * Usage: node scripts/setup.mjs [--for-tests] [--worker-only]
 *   --for-tests     Chromium and coturn, too
 *   --worker-only   only mediasoup's native worker, for an image with its packages installed
 */
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { handleInterrupts } from './setup/commands.mjs';
import { ensureNodeBinary, ensureNodeModules } from './setup/node-modules.mjs';
import { detectSystem } from './setup/platform.mjs';
import { problemMessage, SetupProblem } from './setup/problem.mjs';
import { ensurePrograms } from './setup/programs.mjs';
import { createProgress } from './setup/progress.mjs';
import { createAptInstaller } from './setup/system-packages.mjs';
import { ensureWorker } from './setup/worker.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const forTests = process.argv.includes('--for-tests');
const workerOnly = process.argv.includes('--worker-only');

handleInterrupts();
const progress = createProgress(process.stdout, process.env);
const context = {
  root,
  progress,
  env: process.env,
  system: detectSystem(process.platform, undefined, release()),
  apt: createAptInstaller(progress),
};

/** @type {SetupProblem[]} */
const problems = [];
if (workerOnly) {
  await attempt(() => ensureWorker(context));
} else {
  await attempt(() => ensureNodeModules(root, progress));
  // The rest builds on the packages.
  if (problems.length === 0) {
    await attempt(() => ensureNodeBinary(root, progress));
    await attempt(() => ensurePrograms(context, forTests ? ['redis', 'chromium', 'coturn'] : ['redis']));
    await attempt(() => ensureWorker(context));
  }
}
if (problems.length > 0) {
  process.stderr.write(problemMessage(problems));
  process.exitCode = 1;
}

/**
 * Collects what goes wrong, so that the user learns of everything at once.
 *
 * @param {() => Promise<void>} task
 */
async function attempt(task) {
  try {
    await task();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    problems.push(error instanceof SetupProblem ? error : new SetupProblem(text));
  }
}
