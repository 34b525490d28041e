import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { spawnTethered } from './tethered-child.ts';
import type { TetheredChild } from './tethered-child.ts';

export interface ClientBuildOptions {
  /** The repository. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Receives progress, one line a call. */
  readonly print: (line: string) => void;
  /** Ends a running build. */
  readonly signal: AbortSignal;
}

/** `built` and `fresh`: the page is up to date; `failed`: it is missing or old, and the reason was printed. */
export type ClientBuildOutcome = 'built' | 'fresh' | 'failed';

const SCRIPT = 'build:client';
const SOURCES = ['client', 'package-lock.json'];
const NOT_SOURCES = new Set(['node_modules', '.nuxt', '.output', 'dist', '.data']);
const OUTPUT = 'client/.output/public/index.html';
const STAMP = '.data/client-build.sha256';
const PROGRESS_MS = 5_000;
const LINES_SHOWN = 15;

/** Builds the browser client (`npm run build:client`) unless the last build was made from the very same sources. */
export async function buildClient({ root, env, print, signal }: ClientBuildOptions): Promise<ClientBuildOutcome> {
  const stampFile = join(root, STAMP);
  const sources = await hashSources(root);
  const lastBuilt = await readFile(stampFile, 'utf8').catch(() => null);
  if (lastBuilt === sources && existsSync(join(root, OUTPUT))) return 'fresh';

  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1_000);
  print('Building the page in client/ (again only after its sources change) ...');
  const progress = setInterval(() => print(`  still building, ${seconds()} s`), PROGRESS_MS);
  try {
    const child = spawnTethered('npm', ['run', '--loglevel=error', SCRIPT], {
      cwd: root,
      env: { ...withoutNodeEnv(env), NUXT_TELEMETRY_DISABLED: '1' },
      graceMs: 2_000,
      output: 'pipe',
    });
    const lastLines = collectLines(child);
    const abort = () => void child.stop();
    signal.addEventListener('abort', abort, { once: true });
    const { code } = await child.exited;
    signal.removeEventListener('abort', abort);
    if (code === 0 && existsSync(join(root, OUTPUT))) {
      await mkdir(dirname(stampFile), { recursive: true });
      await writeFile(stampFile, sources);
      print(`Built the page in ${seconds()} s.`);
      return 'built';
    }
    if (!signal.aborted) {
      for (const line of lastLines()) print(`  | ${line}`);
      print(`The page could not be built ("npm run ${SCRIPT}"); the server starts without a fresh one.`);
    }
    return 'failed';
  } finally {
    clearInterval(progress);
  }
}

/** One hash over the paths and contents of everything the build reads; times say nothing after a checkout. */
async function hashSources(root: string): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of await listFiles(join(root, source))) {
      hash
        .update(`${relative(root, file)}\0`)
        .update(await readFile(file))
        .update('\0');
    }
  }
  return hash.digest('hex');
}

/** All source files at or below a path, in a fixed order. */
async function listFiles(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOTDIR') return null;
    if (code === 'ENOENT') return [];
    throw error;
  });
  if (entries === null) return [path];
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (NOT_SOURCES.has(entry.name) || entry.name.endsWith('.test.ts')) continue;
    if (entry.isDirectory()) files.push(...(await listFiles(join(path, entry.name))));
    else if (entry.isFile()) files.push(join(path, entry.name));
  }
  return files;
}

/** Nuxt chooses its own; a development build would be served to nobody's benefit. */
function withoutNodeEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_ENV: _, ...rest } = env;
  return rest;
}

function collectLines(child: TetheredChild): () => string[] {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-20_000);
    });
  }
  return () => text.trim().split('\n').slice(-LINES_SHOWN);
}
