import { readFileSync } from 'node:fs';

/**
 * @typedef {object} System
 * @property {string} id such as `debian12`, `fedora43`, `darwin24`: what a binary depends on
 * @property {'debian' | 'fedora' | 'arch' | 'alpine' | 'macos' | 'other'} family
 */

/** How each family calls what set-up looks for. */
const PACKAGE_NAMES = {
  debian: { redis: 'redis-server', chromium: 'chromium', openssl: 'openssl', coturn: 'coturn' },
  fedora: { redis: 'redis', chromium: 'chromium', openssl: 'openssl', coturn: 'coturn' },
  arch: { redis: 'redis', chromium: 'chromium', openssl: 'openssl', coturn: 'coturn' },
  alpine: { redis: 'redis', chromium: 'chromium', openssl: 'openssl', coturn: 'coturn' },
  macos: { redis: 'redis', chromium: '--cask google-chrome', openssl: 'openssl', coturn: 'coturn' },
};

/** @typedef {'redis' | 'chromium' | 'openssl' | 'coturn'} Program */

/**
 * @param {NodeJS.Platform} [platform]
 * @param {() => string} [readOsRelease]
 * @param {string} [kernel] the release of the kernel, for systems without os-release
 * @returns {System}
 */
export function detectSystem(
  platform = process.platform,
  readOsRelease = () => readFileSync('/etc/os-release', 'utf8'),
  kernel = '',
) {
  if (platform === 'darwin') return { id: `darwin${kernel.split('.')[0]}`, family: 'macos' };
  if (platform !== 'linux') return { id: platform, family: 'other' };
  let fields;
  try {
    fields = parseOsRelease(readOsRelease());
  } catch {
    return { id: 'linux', family: 'other' };
  }
  const names = [fields.ID ?? '', ...(fields.ID_LIKE ?? '').split(' ')];
  const id = `${fields.ID ?? 'linux'}${fields.VERSION_ID ?? fields.VERSION_CODENAME ?? ''}`;
  const is = (/** @type {string[]} */ ...wanted) => wanted.some((name) => names.includes(name));
  if (is('debian', 'ubuntu')) return { id, family: 'debian' };
  if (is('fedora', 'rhel')) return { id, family: 'fedora' };
  if (is('arch')) return { id, family: 'arch' };
  if (is('alpine')) return { id, family: 'alpine' };
  return { id, family: 'other' };
}

/**
 * @param {string} text the content of /etc/os-release
 * @returns {Record<string, string | undefined>}
 */
export function parseOsRelease(text) {
  /** @type {Record<string, string | undefined>} */
  const fields = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line.trim());
    if (match?.[1]) fields[match[1]] = match[2];
  }
  return fields;
}

/**
 * @param {System['family']} family
 * @param {Program} program
 * @returns {string} the package that brings it
 */
export function packageOf(family, program) {
  return PACKAGE_NAMES[family === 'other' ? 'debian' : family][program];
}

/**
 * What a user runs to install packages.
 *
 * @param {System['family']} family
 * @param {string[]} packages as `packageOf` names them
 * @param {boolean} isRoot
 * @returns {string[]} commands; for an unknown system a sentence
 */
export function installCommands(family, packages, isRoot) {
  const list = packages.join(' ');
  const sudo = isRoot ? '' : 'sudo ';
  switch (family) {
    case 'debian':
      return [`${sudo}apt-get update`, `${sudo}apt-get install -y --no-install-recommends ${list}`];
    case 'fedora':
      return [`${sudo}dnf install -y ${list}`];
    case 'arch':
      return [`${sudo}pacman -S --needed ${list}`];
    case 'alpine':
      return [`${sudo}apk add ${list}`];
    case 'macos':
      return packages.map((name) => `brew install ${name}`);
    case 'other':
      return [`# install with your package manager, so that they are on PATH: ${list}`];
  }
}
