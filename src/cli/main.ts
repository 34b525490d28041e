#!/usr/bin/env node
import { defineCommand, runMain } from 'citty';

/**
 * The operator's command line. It speaks to a running server, never to Redis.
 *
 * Exit codes: 0 done, 1 the command line is wrong, 2 the server refuses or fails, 3 it cannot be reached.
 */
const main = defineCommand({
  meta: { name: 'flylive', description: 'Looks after a FlyLive audio server' },
  subCommands: {
    gifts: () => import('./gifts.ts').then(({ gifts }) => gifts),
    'load-test': () => import('./load-test.ts').then(({ loadTest }) => loadTest),
  },
});

await runMain(main);
