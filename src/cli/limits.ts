import { defineCommand } from 'citty';

export const limits = defineCommand({
  meta: { name: 'limits', description: 'How many messages and gifts a user may send a minute' },
  subCommands: {
    show: () => import('./limits/show.ts').then(({ show }) => show),
    set: () => import('./limits/set.ts').then(({ set }) => set),
    clear: () => import('./limits/clear.ts').then(({ clear }) => clear),
  },
});
