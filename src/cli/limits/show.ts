import { defineCommand } from 'citty';
import { commonArgs, readUserId, userArg, withServer } from '../server.ts';
import { printLimits } from './print-limits.ts';

export const show = defineCommand({
  meta: { name: 'show', description: 'What a user may send a minute', examples: ['limits show 6'] },
  args: { ...commonArgs, user: userArg },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      printLimits(await server.admin.rateLimits.get.query({ userId: readUserId(args.user) }), args.json);
    }),
});
