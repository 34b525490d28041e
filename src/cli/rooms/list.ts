import { defineCommand } from 'citty';
import { commonArgs, print, printNote, readCount, withServer } from '../server.ts';
import { printTable, showTime } from '../table.ts';

export const list = defineCommand({
  meta: {
    name: 'list',
    description: 'Rooms in which somebody is; with --all also those that Laravel lists besides',
    examples: ['rooms list', 'rooms list --text jazz', 'rooms list --all --limit 200 --json'],
  },
  args: {
    ...commonArgs,
    all: { type: 'boolean', description: 'Also rooms that are not open', default: false },
    text: { type: 'string', description: 'Only rooms whose title or id contains this', valueHint: 'text' },
    limit: { type: 'string', description: 'How many to list', default: '50', valueHint: '1-200' },
    cursor: { type: 'string', description: 'Go on after this room', valueHint: 'room' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const answer = await server.admin.rooms.list.query({
        limit: readCount('limit', args.limit, 200),
        ...(args.all ? {} : { open: true }),
        ...(args.text === undefined ? {} : { text: args.text }),
        ...(args.cursor === undefined ? {} : { cursor: args.cursor }),
      });
      if (args.json) return print(JSON.stringify(answer));
      if (answer.rooms.length === 0) return print('No such rooms');
      printTable([
        ['room', 'members', 'on seats', 'owner', 'open since', 'title'],
        ...answer.rooms.map((room) => [
          room.roomId,
          String(room.participantCount),
          String(room.seatedCount),
          String(room.ownerId),
          room.open ? showTime(room.openedAt) : 'not open',
          room.title,
        ]),
      ]);
      if (answer.nextCursor !== null) printNote(`There are more: --cursor ${answer.nextCursor}`);
    }),
});
