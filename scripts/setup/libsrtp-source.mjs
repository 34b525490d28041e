import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './commands.mjs';

/**
 * Gets the sources of libsrtp 2 from where the system gets its packages, checked by apt's signatures.
 *
 * Debian's own build of libsrtp encrypts with NSS, which searches all open ciphers for each packet: with 1,000 listeners a
 * worker spent 43 % of its time on that search. Built from these sources it uses OpenSSL, as mediasoup's own build does.
 * Works as any user, with package lists of its own, so the system's stay as they are.
 *
 * @param {object} task
 * @param {string} task.folder is made; gets lists and downloads
 * @param {string} task.logFile gets the whole output
 * @param {string} [task.apt] the folder of the system's configuration of apt
 * @returns {Promise<string>} the folder of the sources
 * @throws {Error} when they cannot be had; a mirror may lack sources
 */
export async function fetchLibsrtp({ folder, logFile, apt = '/etc/apt' }) {
  const [lists, repositories, unpacked] = ['lists', 'repositories', 'unpacked'].map((name) => join(folder, name));
  for (const path of [join(lists, 'partial'), repositories, unpacked]) mkdirSync(path, { recursive: true });
  for (const { name, text } of readRepositories(apt)) writeFileSync(join(repositories, name), toSourcePackages(text));

  const options = [
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${repositories}`,
    `Dir::State::lists=${lists}`,
    `Dir::Cache=${folder}`,
  ].flatMap((option) => ['-o', option]);
  // It fails as a whole where one repository of several has no sources; whether libsrtp is found then is what counts.
  await run('apt-get', [...options, 'update'], { logFile });
  const download = [...options, 'source', '--download-only', 'libsrtp2'];
  const downloaded = await run('apt-get', download, { cwd: folder, logFile });
  const archive = readdirSync(folder).find((name) => /^libsrtp2_.*\.orig\.tar\.\w+$/.test(name));
  if (!downloaded.ok || archive === undefined) throw new Error(downloaded.lines.at(-1) ?? 'no archive of libsrtp');
  const unpack = ['-xf', join(folder, archive), '-C', unpacked, '--strip-components=1'];
  if (!(await run('tar', unpack, { logFile })).ok) throw new Error(`${archive} could not be unpacked`);
  return unpacked;
}

/**
 * @param {string} text a list of repositories, in either of apt's two formats
 * @returns {string} the same repositories, for source packages instead of built ones
 */
export function toSourcePackages(text) {
  return text.replace(/^(\s*)deb(?=\s)/gm, '$1deb-src').replace(/^Types:.*$/gim, 'Types: deb-src');
}

/**
 * @param {string} apt
 * @returns {{ name: string, text: string }[]}
 */
function readRepositories(apt) {
  const parts = join(apt, 'sources.list.d');
  const inParts = existsSync(parts) ? readdirSync(parts).map((name) => join(parts, name)) : [];
  return [join(apt, 'sources.list'), ...inParts]
    .filter((path) => /\.(list|sources)$/.test(path) && existsSync(path))
    .map((path) => ({ name: basename(path), text: readFileSync(path, 'utf8') }));
}
