import { fileURLToPath } from 'node:url';
import { buildClient } from '../../dev/client-build.ts';

/** Vitest's global set-up of the browser tests: they look at the client as it is built from the present sources. */
export async function setup(): Promise<void> {
  const outcome = await buildClient({
    root: fileURLToPath(new URL('../..', import.meta.url)),
    env: process.env,
    print: (line) => console.log(line),
    signal: new AbortController().signal,
  });
  if (outcome === 'failed') throw new Error('The client could not be built, so there is no page to test');
}
