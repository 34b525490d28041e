import { defineCommand } from 'citty';
import { CommandError, commonArgs, readCount, readUserId, userArg, withServer } from '../server.ts';
import { printLimits } from './print-limits.ts';

export const set = defineCommand({
  meta: {
    name: 'set',
    description: 'Sets what a user may send a minute, on all nodes, until it is cleared',
    examples: ['limits set 6 --chat 5 --gift 0'],
  },
  args: {
    ...commonArgs,
    user: userArg,
    chat: { type: 'string', description: 'Chat messages a minute; 0 forbids', valueHint: '0-100000' },
    gift: { type: 'string', description: 'Gifts a minute; 0 forbids', valueHint: '0-100000' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      if (args.chat === undefined && args.gift === undefined) throw new CommandError(1, 'say --chat, --gift or both');
      const limits = await server.admin.rateLimits.set.mutate({
        userId: readUserId(args.user),
        ...(args.chat === undefined ? {} : { chat: readCount('chat', args.chat, 100_000, 0) }),
        ...(args.gift === undefined ? {} : { gift: readCount('gift', args.gift, 100_000, 0) }),
      });
      printLimits(limits, args.json);
    }),
});
