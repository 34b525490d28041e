import { defineCommand } from 'citty';
import { commonArgs, print, roomArg, withServer } from '../server.ts';

export const say = defineCommand({
  meta: {
    name: 'say',
    description: 'Says something to everybody in a room, as a system message in its chat',
    examples: ["rooms say 1 'We close in five minutes'"],
  },
  args: {
    ...commonArgs,
    room: roomArg,
    text: { type: 'positional', description: 'What to say, in quotes; 500 characters at most', required: true },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const message = await server.admin.rooms.announce.mutate({ roomId: args.room, content: args.text });
      print(args.json ? JSON.stringify(message) : 'Said');
    }),
});
