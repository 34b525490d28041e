import { defineCommand } from 'citty';
import { print, readUserId, withServer } from '../server.ts';
import { userInRoomArgs } from './user-args.ts';

export const kick = defineCommand({
  meta: {
    name: 'kick',
    description: 'Puts a user out of a room now; the user may join again',
    examples: ['participants kick 1 6'],
  },
  args: userInRoomArgs,
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const userId = readUserId(args.user);
      await server.admin.participants.kick.mutate({ roomId: args.room, userId });
      print(args.json ? JSON.stringify({ userId, kicked: true }) : `User ${userId} is out of room ${args.room}`);
    }),
});
