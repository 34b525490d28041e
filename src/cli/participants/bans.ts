import { defineCommand } from 'citty';
import { commonArgs, print, roomArg, withServer } from '../server.ts';
import { printTable, showTime } from '../table.ts';

export const bans = defineCommand({
  meta: { name: 'bans', description: 'Who may not join a room, since when, until when and why' },
  args: { ...commonArgs, room: roomArg },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const answer = await server.admin.participants.bans.query({ roomId: args.room });
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
    }),
});
