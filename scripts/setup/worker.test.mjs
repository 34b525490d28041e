import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stunBindingRequest } from './check-worker.mjs';
import { fetchLibsrtp, toSourcePackages } from './libsrtp-source.mjs';
import { SetupProblem } from './problem.mjs';
import { cacheFolder, cacheKey, copyBinary, hashFolder } from './worker-cache.mjs';
import { buildJobs, prepareSources, replaceOnce, wrapDirectory } from './worker-compile.mjs';
import { prebuiltUrl } from './worker-download.mjs';
import { ensureWorker, firstOf } from './worker.mjs';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'flylive-setup-test-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('order of attempts', () => {
  it('stops at the first way that works', async () => {
    const tried = [];
    const way = (name, works) => ({
      name,
      attempt: async () => {
        tried.push(name);
        if (!works) throw new Error(name);
        return `from ${name}`;
      },
    });
    const ways = [way('cache', false), way('download', true), way('build', true)];
    expect(await firstOf(ways)).toBe('from download');
    expect(tried).toEqual(['cache', 'download']);
    await expect(firstOf([way('cache', false), way('build', false)])).rejects.toThrow('build');
  });

  it('obeys MEDIASOUP_WORKER_BIN and says so when it leads nowhere', async () => {
    const env = { MEDIASOUP_WORKER_BIN: join(folder, 'nothing') };
    await expect(ensureWorker({ env, root: folder })).rejects.toBeInstanceOf(SetupProblem);
    const worker = join(folder, 'worker');
    writeFileSync(worker, '#!/bin/sh\nexit 41\n', { mode: 0o755 });
    await ensureWorker({ env: { MEDIASOUP_WORKER_BIN: worker }, root: folder });
  });
});

describe('cache', () => {
  it('lies where the user keeps caches', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/caches' })).toBe('/caches/flylive');
  });

  it('has a key of everything that decides whether a binary fits', () => {
    const parts = { version: '3.27.1', systemId: 'debian12', arch: 'x64', recipeHash: 'a'.repeat(64) };
    expect(cacheKey(parts)).toBe('mediasoup-3.27.1-debian12-x64-aaaaaaaaaaaa');
    const keys = [
      parts,
      { ...parts, version: '3.28.0' },
      { ...parts, systemId: 'debian13' },
      { ...parts, arch: 'arm64' },
      { ...parts, recipeHash: 'b'.repeat(64) },
    ].map(cacheKey);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('notices a change of the recipe', () => {
    writeFileSync(join(folder, 'a'), 'one');
    const before = hashFolder(folder);
    expect(hashFolder(folder)).toBe(before);
    writeFileSync(join(folder, 'a'), 'two');
    expect(hashFolder(folder)).not.toBe(before);
  });

  it('puts a binary in place at once and leaves nothing else', () => {
    const from = join(folder, 'from');
    writeFileSync(from, 'binary');
    const to = join(folder, 'deep', 'worker');
    copyBinary(from, to);
    copyBinary(from, to);
    expect(readFileSync(to, 'utf8')).toBe('binary');
    expect(statSync(to).mode & 0o111).toBe(0o111);
    expect(readdirSync(join(folder, 'deep'))).toEqual(['worker']);
  });
});

describe('download', () => {
  const manifest = {
    version: '3.27.1',
    repository: { url: 'git+https://example.test/makers/mediasoup.git' },
  };

  it('asks for the file that the makers publish', () => {
    const host = { platform: 'linux', arch: 'x64', kernel: '6.1.0-1', env: {} };
    const file = 'mediasoup-worker-3.27.1-linux-x64-kernel6.tgz';
    expect(prebuiltUrl(manifest, host)).toBe(`https://example.test/makers/mediasoup/releases/download/3.27.1/${file}`);
    const env = { MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL: 'https://mirror.test/w' };
    expect(prebuiltUrl(manifest, { ...host, env })).toBe(`https://mirror.test/w/3.27.1/${file}`);
  });

  it('leaves out the kernel on other systems', () => {
    const host = { platform: 'darwin', arch: 'arm64', kernel: '24.1.0', env: {} };
    expect(prebuiltUrl(manifest, host)).toMatch(/worker-3\.27\.1-darwin-arm64\.tgz$/);
  });
});

describe('build', () => {
  it('fits the sources of the installed mediasoup', () => {
    const tree = join(folder, 'tree');
    prepareSources(fileURLToPath(new URL('../../node_modules/mediasoup/worker', import.meta.url)), tree);
    const dtls = readFileSync(join(tree, 'src/RTC/DtlsTransport.cpp'), 'utf8');
    expect(dtls).toContain('(operationType & BIO_CB_RETURN)');
    const wrap = readFileSync(join(tree, 'subprojects/libsrtp3.wrap'), 'utf8');
    const subproject = join(tree, 'subprojects', wrapDirectory(wrap));
    expect(readdirSync(subproject)).toContain('meson.build');
  });

  it('asks for sources where the system asks for packages, in both formats of apt', () => {
    const oneLine = [
      '# deb is the word',
      'deb [arch=amd64] http://a.test bookworm main',
      'deb-src http://b.test sid main',
    ];
    expect(toSourcePackages(oneLine.join('\n')).split('\n')).toEqual([
      oneLine[0],
      'deb-src [arch=amd64] http://a.test bookworm main',
      oneLine[2],
    ]);
    const stanza = 'Types: deb deb-src\nURIs: http://c.test\nSuites: trixie\n';
    expect(toSourcePackages(stanza)).toBe('Types: deb-src\nURIs: http://c.test\nSuites: trixie\n');
  });

  it('says so when no repository has libsrtp', async () => {
    const task = {
      folder: join(folder, 'libsrtp'),
      logFile: join(folder, 'log'),
      apt: join(folder, 'no-repositories'),
    };
    await expect(fetchLibsrtp(task)).rejects.toThrow();
  });

  it('refuses to edit a source that has changed', () => {
    expect(replaceOnce('a b', 'b', 'c', 'file')).toBe('a c');
    expect(() => replaceOnce('a', 'b', 'c', 'file')).toThrow(SetupProblem);
    expect(() => replaceOnce('b b', 'b', 'c', 'file')).toThrow(/file has changed/);
  });

  it('uses all cores that have a gigabyte each', () => {
    const GIB = 1024 ** 3;
    expect(buildJobs(8, 32 * GIB)).toBe(8);
    expect(buildJobs(8, 3.5 * GIB)).toBe(3);
    expect(buildJobs(2, GIB / 2)).toBe(1);
  });
});

it('signs its STUN request as the length says', () => {
  const request = stunBindingRequest({ usernameFragment: 'worker', password: 'secret' });
  expect(request.length % 4).toBe(0);
  expect(request.readUInt16BE(2)).toBe(request.length - 20);
});
