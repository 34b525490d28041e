import type { ServerReply, ServerRequest } from './messages.ts';

/** What a plain contestant does when it is asked by its parent process. */
export function serve(port: number, publish: (event: string) => void): void {
  const reply = (message: ServerReply): void => void process.send?.(message);
  process.on('message', (request: ServerRequest) => {
    if (request.type === 'publish') {
      for (const event of request.events) publish(event);
      reply({ done: true });
    } else {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      reply({ usage: { rss, heapUsed, cpu: user + system } });
    }
  });
  process.on('disconnect', () => process.exit());
  reply({ port });
}
