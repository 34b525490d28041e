import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string} where things are kept that outlive a clone
 */
export function cacheFolder(env = process.env) {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'flylive');
}

/**
 * Names a worker by everything that decides whether it fits.
 *
 * @param {{ version: string, systemId: string, arch: string, recipeHash: string }} parts
 * @returns {string}
 */
export function cacheKey({ version, systemId, arch, recipeHash }) {
  return ['mediasoup', version, systemId, arch, recipeHash.slice(0, 12)]
    .map((part) => part.replace(/[^\w.]/g, '_'))
    .join('-');
}

/**
 * @param {string} folder
 * @returns {string} a hash of the names and contents of all files below it
 */
export function hashFolder(folder) {
  const hash = createHash('sha256');
  for (const path of filesBelow(folder)) {
    const content = readFileSync(path);
    hash.update(`${relative(folder, path)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/**
 * Copies a binary so that nobody ever sees half of it, and two at once do no harm.
 *
 * @param {string} from
 * @param {string} to
 */
export function copyBinary(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  const temporary = `${to}.${randomBytes(6).toString('hex')}`;
  copyFileSync(from, temporary);
  chmodSync(temporary, 0o755);
  renameSync(temporary, to);
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}
