/**
 * `npm run flylive`: the command line on the server that `.env` names, or on the development stack that runs here. The
 * environment wins over both.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accessFile } from './cli-access.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
for (const file of [join(root, '.env'), accessFile(root)]) {
  if (existsSync(file)) process.loadEnvFile(file);
}
await import('../src/cli/main.ts');
