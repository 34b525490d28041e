#!/usr/bin/env node
import { defineCommand } from 'citty';
import { runCommandLine } from './command-line.ts';

/** The operator's command line. It speaks to a running server, never to Redis. */
const main = defineCommand({
  meta: {
    name: 'flylive',
    description: 'Looks after a FlyLive audio server',
    examples: ['rooms list', 'watch 1', 'participants ban 1 6 --for 7d --reason Spam'],
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

await runCommandLine(main, process.argv.slice(2));
