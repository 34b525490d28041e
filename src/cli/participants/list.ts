import { defineCommand } from 'citty';
import { commonArgs, print, printNote, readCount, roomArg, withServer } from '../server.ts';
import { printTable, showTime } from '../table.ts';

export const list = defineCommand({
  meta: {
    name: 'list',
    description: 'Members of an open room, the longest present first',
    examples: ['participants list 1', 'participants list 1 --limit 200 --json'],
  },
  args: {
    ...commonArgs,
    room: roomArg,
    limit: { type: 'string', description: 'How many to list', default: '100', valueHint: '1-200' },
    cursor: { type: 'string', description: 'Go on after this position', valueHint: 'cursor' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const answer = await server.admin.participants.list.query({
        roomId: args.room,
        limit: readCount('limit', args.limit, 200),
        ...(args.cursor === undefined ? {} : { cursor: args.cursor }),
      });
      if (args.json) return print(JSON.stringify(answer));
      if (answer.participants.length === 0) return print('The room is empty');
      printTable([
        ['user', 'name', 'role', 'joined', 'notes'],
        ...answer.participants.map((member) => [
          String(member.userId),
          member.name,
          member.role,
          showTime(member.joinedAt),
          [...(member.connected ? [] : ['away']), ...(member.chatMuted ? ['chat muted'] : [])].join(', '),
        ]),
      ]);
      if (answer.nextCursor !== null) printNote(`There may be more: --cursor ${answer.nextCursor}`);
    }),
});
