import { defineCommand } from 'citty';

export const gifts = defineCommand({
  meta: { name: 'gifts', description: 'Gifts that wait for Laravel or for you' },
  subCommands: {
    pending: () => import('./gifts/pending.ts').then(({ pending }) => pending),
    dead: () => import('./gifts/dead.ts').then(({ dead }) => dead),
    retry: () => import('./gifts/retry.ts').then(({ retry }) => retry),
  },
});
