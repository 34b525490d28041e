import { defineCommand } from 'citty';
import { commonArgs, readUserId, userArg, withServer } from '../server.ts';
import { printLimits } from './print-limits.ts';

export const clear = defineCommand({
  meta: { name: 'clear', description: 'Has the usual limits apply to a user again', examples: ['limits clear 6'] },
  args: { ...commonArgs, user: userArg },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      printLimits(await server.admin.rateLimits.clear.mutate({ userId: readUserId(args.user) }), args.json);
    }),
});
