import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';
import { serve } from './serve.ts';

/** The least that a broadcast over `ws` can cost: a prepared buffer sent to every client. Answers calls as the others do. */
const [redisPort, key = ''] = process.argv.slice(2);
const redis = new Redis({ port: Number(redisPort), db: 3 });
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const { id } = JSON.parse(data.toString()) as { id: number };
    void redis.xrevrange(key, '+', '-', 'COUNT', 1).then((result) => socket.send(JSON.stringify({ id, result })));
  });
});
await once(server, 'listening');
serve((server.address() as AddressInfo).port, (event) => {
  const prepared = Buffer.from(event);
  for (const client of server.clients) client.send(prepared, { binary: false });
});
