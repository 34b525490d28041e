import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, it } from 'vitest';
import { accessFile, closeCliAccess, openCliAccess } from './cli-access.ts';

it('tells the command line of this user, and nobody else, where the stack is, until it stops', async () => {
  const root = await mkdtemp(join(tmpdir(), 'flylive-'));
  try {
    await openCliAccess(root, { url: 'http://127.0.0.1:3031', internalKey: 'k'.repeat(64) });
    expect(parseEnv(await readFile(accessFile(root), 'utf8'))).toEqual({
      FLYLIVE_URL: 'http://127.0.0.1:3031',
      LARAVEL_INTERNAL_KEY: 'k'.repeat(64),
    });
    expect((await stat(accessFile(root))).mode & 0o777).toBe(0o600);
    await closeCliAccess(root);
    await closeCliAccess(root);
    await expect(stat(accessFile(root))).rejects.toThrow('ENOENT');
  } finally {
    await rm(root, { recursive: true });
  }
});
