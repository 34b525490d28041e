import { defineCommand } from 'citty';
import { CommandError, commonArgs, print, withServer } from '../server.ts';

export const retry = defineCommand({
  meta: {
    name: 'retry',
    description: 'Queues gifts again that were put aside: those named by transaction id, or all. Charges none twice',
    examples: ['gifts retry --all', 'gifts retry 0197a3c4-5e6f-7b28-9d0e-1f2a3b4c5d6e'],
  },
  args: {
    ...commonArgs,
    all: { type: 'boolean', description: 'All that are under review, 1,000 at most', default: false },
    'ids...': { type: 'positional', description: 'Transaction ids, as in flylive gifts dead', required: false },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const transactionIds = args._;
      if (args.all === transactionIds.length > 0) throw new CommandError(1, 'name transaction ids, or say --all');
      const { queued } = await server.admin.gifts.retry.mutate(args.all ? {} : { transactionIds });
      if (args.json) return print(JSON.stringify({ queued }));
      print(`${queued} queued again`);
      if (!args.all && queued < transactionIds.length) {
        print(`${transactionIds.length - queued} are not under review`);
      }
    }),
});
