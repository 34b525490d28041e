import { defineCommand } from 'citty';
import { commonArgs, print, roomArg, withServer } from '../server.ts';

export const close = defineCommand({
  meta: {
    name: 'close',
    description: 'Ends a room with whoever is in it. It can be joined again as long as Laravel has it',
    examples: ['rooms close 1 --reason Reported'],
  },
  args: {
    ...commonArgs,
    room: roomArg,
    reason: { type: 'string', description: 'What its members are told', valueHint: 'text' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      await server.admin.rooms.close.mutate({
        roomId: args.room,
        ...(args.reason === undefined ? {} : { reason: args.reason }),
      });
      print(args.json ? JSON.stringify({ roomId: args.room, closed: true }) : `Room ${args.room} is closed`);
    }),
});
