import { defineCommand } from 'citty';
import { commonArgs, print, withServer } from './server.ts';
import { printTable } from './table.ts';

export const workers = defineCommand({
  meta: {
    name: 'workers',
    description: 'The media workers of the node that answers, and what they have to do',
    examples: ['workers'],
  },
  args: commonArgs,
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const answer = await server.admin.workers.query();
      if (args.json) return print(JSON.stringify(answer));
      printTable([
        ['worker', 'pid', 'alive', 'routers', 'transports', 'consumers', 'CPU s', 'peak MiB'],
        ...answer.map((worker) => [
          String(worker.index),
          String(worker.pid ?? ''),
          worker.alive ? 'yes' : 'no',
          String(worker.routers),
          String(worker.transports),
          String(worker.consumers),
          ((worker.cpu.user + worker.cpu.system) / 1_000).toFixed(1),
          (worker.maxRss / 1_024).toFixed(0),
        ]),
      ]);
    }),
});
