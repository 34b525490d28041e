import { defineCommand } from 'citty';
import { commonArgs, print, printNote, roomArg, type Server, withLine } from './server.ts';
import { RoomStory, type Watched } from './room-story.ts';

export const watch = defineCommand({
  meta: {
    name: 'watch',
    description: 'Follows everything that happens in an open room, until it closes or Ctrl-C',
    examples: ['watch 1', 'watch 1 --json'],
  },
  args: { ...commonArgs, room: roomArg },
  run: ({ args }) => {
    let lost = false;
    return withLine(
      args.url,
      {
        onOpen: () => {
          if (lost) printNote('The server is back');
          lost = false;
        },
        onLost: () => {
          if (!lost) printNote('The server is lost; coming back as soon as it is there');
          lost = true;
        },
      },
      async (server, unreachable) => {
        const story = new RoomStory();
        const tell = (watched: Watched): void =>
          print(args.json ? JSON.stringify(watched) : story.tell(watched).join('\n'));
        await Promise.race([follow(server, args.room, tell), unreachable, interrupted()]);
      },
    );
  },
});

/** @returns when the room has closed @throws TRPCClientError when the server refuses */
function follow(server: Server, roomId: string, tell: (watched: Watched) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.admin.watch.subscribe(
      { roomId },
      { onData: ({ data }) => tell(data), onComplete: resolve, onError: reject },
    );
  });
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
