import { defineCommand } from 'citty';
import { commonArgs, print, printNote, readCount, roomArg, withServer } from '../server.ts';
import { printTable, showTime } from '../table.ts';

export const bans = defineCommand({
  meta: {
    name: 'bans',
    description: 'Who may not join a room, since when, until when and why',
    examples: ['participants bans 1'],
  },
  args: {
    ...commonArgs,
    room: roomArg,
    limit: { type: 'string', description: 'How many to list', default: '100', valueHint: '1-200' },
    cursor: { type: 'string', description: 'Go on at this position', valueHint: 'number' },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const answer = await server.admin.participants.bans.query({
        roomId: args.room,
        limit: readCount('limit', args.limit, 200),
        ...(args.cursor === undefined ? {} : { cursor: readCount('cursor', args.cursor, 1_000_000) }),
      });
      if (args.json) return print(JSON.stringify(answer));
      if (answer.bans.length === 0) return print('Nobody is banned');
      printTable([
        ['user', 'banned by', 'since', 'until', 'reason'],
        ...answer.bans.map((ban) => [
          String(ban.userId),
          ban.bannedBy === null ? 'operator' : String(ban.bannedBy),
          showTime(ban.bannedAt),
          ban.until === null ? 'for good' : showTime(ban.until),
          ban.reason ?? '',
        ]),
      ]);
      if (answer.nextCursor !== null) printNote(`There may be more: --cursor ${answer.nextCursor}`);
    }),
});
