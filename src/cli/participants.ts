import { defineCommand } from 'citty';

export const participants = defineCommand({
  meta: { name: 'participants', description: 'Who is in a room: list, put out, keep out' },
  subCommands: {
    list: () => import('./participants/list.ts').then(({ list }) => list),
    kick: () => import('./participants/kick.ts').then(({ kick }) => kick),
    ban: () => import('./participants/ban.ts').then(({ ban }) => ban),
    unban: () => import('./participants/unban.ts').then(({ unban }) => unban),
    bans: () => import('./participants/bans.ts').then(({ bans }) => bans),
  },
});
