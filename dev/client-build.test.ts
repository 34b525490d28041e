import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildClient } from './client-build.ts';

/** A repository whose build script writes its page and counts its runs. */
let root: string;
let printed: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'flylive-client-'));
  printed = [];
  await mkdir(join(root, 'client/app'), { recursive: true });
  await writeFile(join(root, 'client/app/app.vue'), 'first');
  await setBuild(`
    mkdirSync('client/.output/public', { recursive: true });
    writeFileSync('client/.output/public/index.html', 'page');
    appendFileSync('runs', 'x');`);
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function setBuild(program: string): Promise<void> {
  await writeFile(
    join(root, 'build.mjs'),
    `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';${program}`,
  );
  await writeFile(join(root, 'package.json'), JSON.stringify({ scripts: { 'build:client': 'node build.mjs' } }));
}

const build = (signal = new AbortController().signal) =>
  buildClient({ root, env: process.env, print: (line) => printed.push(line), signal });
const runs = async () => (await readFile(join(root, 'runs'), 'utf8')).length;

test('builds once, and again only when a source changed or the page is missing', async () => {
  expect(await build()).toBe('built');
  expect(printed.join('\n')).toMatch(/^Building the page .*\nBuilt the page in \d+ s\.$/);
  expect(await build()).toBe('fresh');
  // Neither its own output nor tests nor a new time make it stale.
  await writeFile(join(root, 'client/app/app.vue'), 'first');
  await writeFile(join(root, 'client/app/app.test.ts'), 'test');
  expect(await build()).toBe('fresh');
  expect(await runs()).toBe(1);

  await writeFile(join(root, 'client/app/app.vue'), 'second');
  expect(await build()).toBe('built');
  await rm(join(root, 'client/.output'), { recursive: true });
  expect(await build()).toBe('built');
  expect(await runs()).toBe(3);
});

test('prints the last lines of a failed build and tries again next time', async () => {
  await setBuild(
    `for (let i = 1; i <= 40; i += 1) console.log('line ' + i); console.error('it broke'); process.exit(1);`,
  );
  expect(await build()).toBe('failed');
  const text = printed.join('\n');
  expect(text).toContain('it broke');
  expect(text).toContain('line 40');
  expect(text).not.toContain('line 20\n');
  expect(text).toContain('The page could not be built');
  expect(await build()).toBe('failed');
});

test('ends at once, and quietly, when it is told to', async () => {
  await setBuild('setTimeout(() => {}, 60_000);');
  const stopping = new AbortController();
  const building = build(stopping.signal);
  setTimeout(() => stopping.abort(), 300);
  const startedAt = Date.now();
  expect(await building).toBe('failed');
  expect(Date.now() - startedAt).toBeLessThan(5_000);
  expect(printed).toHaveLength(1);
});
