import { defineCommand } from 'citty';

export const rooms = defineCommand({
  meta: { name: 'rooms', description: 'Rooms: find, look into, speak to, close' },
  subCommands: {
    list: () => import('./rooms/list.ts').then(({ list }) => list),
    show: () => import('./rooms/show.ts').then(({ show }) => show),
    say: () => import('./rooms/say.ts').then(({ say }) => say),
    close: () => import('./rooms/close.ts').then(({ close }) => close),
  },
});
