import { findOnPath, isExecutable } from './commands.mjs';
import { installCommands, packageOf } from './platform.mjs';
import { SetupProblem } from './problem.mjs';

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const CHROME_ON_MACOS = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/**
 * The browser for tests: `CHROMIUM_PATH` or the first of the usual places.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findChromium(env = process.env) {
  if (env.CHROMIUM_PATH) return isExecutable(env.CHROMIUM_PATH) ? env.CHROMIUM_PATH : undefined;
  for (const name of CHROMIUM_NAMES) {
    const path = findOnPath(name, env);
    if (path) return path;
  }
  return isExecutable(CHROME_ON_MACOS) ? CHROME_ON_MACOS : undefined;
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findRedis(env = process.env) {
  return findOnPath('redis-server', env);
}

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findOpenssl(env = process.env) {
  return findOnPath('openssl', env);
}

/**
 * The TURN server that browser tests relay sound through.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findCoturn(env = process.env) {
  return findOnPath('turnserver', env);
}

const FINDERS = { redis: findRedis, chromium: findChromium, openssl: findOpenssl, coturn: findCoturn };

/**
 * Makes sure that programs are there which are no npm packages.
 *
 * @param {object} context
 * @param {NodeJS.ProcessEnv} context.env
 * @param {import('./platform.mjs').System} context.system
 * @param {Pick<import('./system-packages.mjs').AptInstaller, 'install'>} context.apt
 * @param {import('./platform.mjs').Program[]} wanted
 * @throws {SetupProblem}
 */
export async function ensurePrograms({ env, system, apt }, wanted) {
  const missing = () => wanted.filter((program) => !FINDERS[program](env));
  const packages = missing().map((program) => packageOf(system.family, program));
  if (packages.length === 0) return;
  if (system.family === 'debian') await apt.install(packages, 'development');
  const still = missing();
  if (still.length > 0) {
    throw new SetupProblem(
      `Not found: ${still.join(', ')}.`,
      installCommands(system.family, packages, process.getuid?.() === 0),
    );
  }
}
