#!/usr/bin/env node
import { defineCommand, runMain } from 'citty';

/**
 * The operator's command line. It speaks to a running server, never to Redis.
 *
 * Exit codes: 0 done, 1 the command line is wrong, 2 the server refuses or fails, 3 it cannot be reached.
 */
const main = defineCommand({
  meta: {
    name: 'flylive',
    description:
      'Looks after a FlyLive audio server. Needs LARAVEL_INTERNAL_KEY; FLYLIVE_URL or --url says where it is',
  },
  subCommands: {
    rooms: () => import('./rooms.ts').then(({ rooms }) => rooms),
    participants: () => import('./participants.ts').then(({ participants }) => participants),
    watch: () => import('./watch.ts').then(({ watch }) => watch),
    revoke: () => import('./revoke.ts').then(({ revoke }) => revoke),
    limits: () => import('./limits.ts').then(({ limits }) => limits),
    gifts: () => import('./gifts.ts').then(({ gifts }) => gifts),
    'load-test': () => import('./load-test.ts').then(({ loadTest }) => loadTest),
    workers: () => import('./workers.ts').then(({ workers }) => workers),
  },
});

await runMain(main);
