import { defineCommand } from 'citty';
import { print, readUserId, withServer } from '../server.ts';
import { userInRoomArgs } from './user-args.ts';

export const unban = defineCommand({
  meta: { name: 'unban', description: 'Lets a banned user in again', examples: ['participants unban 1 6'] },
  args: userInRoomArgs,
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const userId = readUserId(args.user);
      await server.admin.participants.unban.mutate({ roomId: args.room, userId });
      print(args.json ? JSON.stringify({ userId, banned: false }) : `User ${userId} may join room ${args.room}`);
    }),
});
