import { defineCommand } from 'citty';
import { commonArgs, print, readCount, withServer } from '../server.ts';
import { printGifts } from './table.ts';

export const dead = defineCommand({
  meta: {
    name: 'dead',
    description:
      'Gifts that were put aside: 24 h without a decision (TOO_OLD), refused by Laravel (REFUSED), not readable here (UNREADABLE)',
    examples: ['gifts dead'],
  },
  args: {
    ...commonArgs,
    limit: { type: 'string', description: 'How many to list', default: '100', valueHint: '1-1000' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const gifts = await server.admin.gifts.dead.query({ limit: readCount('limit', args.limit, 1_000) });
      if (args.json) return print(JSON.stringify(gifts));
      if (gifts.length === 0) print('No gifts are under review');
      printGifts(gifts);
    }),
});
