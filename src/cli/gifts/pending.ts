import { defineCommand } from 'citty';
import { commonArgs, print, readCount, withServer } from '../server.ts';
import { printGifts } from './table.ts';

export const pending = defineCommand({
  meta: {
    name: 'pending',
    description: 'How many gifts Laravel has not decided, and the oldest of them',
    examples: ['gifts pending', 'gifts pending --json'],
  },
  args: {
    ...commonArgs,
    limit: { type: 'string', description: 'How many to list', default: '20', valueHint: '1-1000' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const answer = await server.admin.gifts.pending.query({ limit: readCount('limit', args.limit, 1_000) });
      if (args.json) return print(JSON.stringify(answer));
      const { pending: count, inFlight, oldestMs, underReview, denied, heldBack, gifts } = answer;
      const waited = `${inFlight} of them being settled; the oldest has waited ${Math.round(oldestMs / 1_000)} s`;
      print(count === 0 ? '0 pending' : `${count} pending, ${waited}`);
      print(`${underReview} under review${underReview > 0 ? ' (flylive gifts dead)' : ''}`);
      if (denied) print('Laravel does not take the internal key: nothing is settled');
      else if (heldBack) print('Laravel does not answer: attempts are rare until it does');
      printGifts(gifts);
    }),
});
