import { defineCommand } from 'citty';
import { print, readDuration, readUserId, withServer } from '../server.ts';
import { userInRoomArgs } from './user-args.ts';

export const ban = defineCommand({
  meta: {
    name: 'ban',
    description: 'Puts a user out of a room and keeps the user out, for a time or for good',
    examples: ['participants ban 1 6 --for 7d --reason Spam', 'participants ban 1 6'],
  },
  args: {
    ...userInRoomArgs,
    for: { type: 'string', description: 'For how long, as 30m, 12h or 7d; else for good', valueHint: 'time' },
    reason: { type: 'string', description: 'Why, for the list of bans', valueHint: 'text' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const userId = readUserId(args.user);
      const durationSeconds = args.for === undefined ? null : readDuration('for', args.for);
      await server.admin.participants.ban.mutate({
        roomId: args.room,
        userId,
        ...(durationSeconds === null ? {} : { durationSeconds }),
        ...(args.reason === undefined ? {} : { reason: args.reason }),
      });
      if (args.json) return print(JSON.stringify({ userId, banned: true, durationSeconds }));
      print(
        `User ${userId} is banned from room ${args.room} ${args.for === undefined ? 'for good' : `for ${args.for}`}`,
      );
    }),
});
