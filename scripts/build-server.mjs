/** Compiles src/ into dist/, which is what `npm start` runs. The browser client is built by `npm run build:client`. */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

// What is gone from src/ must not live on.
rmSync(dist, { recursive: true, force: true });
const compiler = spawnSync(
  process.execPath,
  [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json')],
  { cwd: root, stdio: 'inherit' },
);
if (compiler.status === 0) {
  // The compiler leaves alone what is no TypeScript.
  cpSync(join(root, 'src/services/redis/lua'), join(dist, 'services/redis/lua'), { recursive: true });
} else {
  process.exitCode = 1;
}
