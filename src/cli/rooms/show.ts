import { defineCommand } from 'citty';
import { commonArgs, plain, print, roomArg, withServer } from '../server.ts';
import { printTable } from '../table.ts';

export const show = defineCommand({
  meta: { name: 'show', description: 'An open room: its settings and who sits where', examples: ['rooms show 1'] },
  args: { ...commonArgs, room: roomArg },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const room = await server.admin.rooms.get.query({ roomId: args.room });
      if (args.json) return print(JSON.stringify(room));
      const names = new Map(room.participants.map(({ userId, name }) => [userId, name]));
      const speakers = new Map(room.producers.map(({ userId, paused }) => [userId, paused ? 'muted' : 'speaking']));
      print(`${plain(room.title)} (${room.roomId}), owned by user ${room.ownerId}`);
      print(
        `${room.participantCount} members; seats are ${room.seatMode === 'free' ? 'free to take' : 'given by hosts'}`,
      );
      if (room.slowModeSeconds > 0) print(`Slow mode: one message every ${room.slowModeSeconds} s`);
      if (room.requests.length > 0) print(`${room.requests.length} raised hands`);
      printTable([
        ['seat', 'user', 'name', 'audio'],
        ...room.seats.map(({ index, userId, locked, mutedByHost }) => [
          String(index),
          userId === null ? '' : String(userId),
          userId === null ? (locked ? 'locked' : 'free') : (names.get(userId) ?? ''),
          userId === null ? '' : mutedByHost ? 'muted by host' : (speakers.get(userId) ?? 'none'),
        ]),
      ]);
    }),
});
