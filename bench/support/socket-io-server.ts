import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { serve } from './serve.ts';

/** The usual way: every client in one Socket.IO room, events emitted to it, calls answered by `ack`. */
const [redisPort, key = ''] = process.argv.slice(2);
const redis = new Redis({ port: Number(redisPort), db: 3 });
const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false });
io.on('connection', (socket) => {
  void socket.join('room');
  socket.on('history', (_input: unknown, ack: (result: unknown) => void) => {
    void redis.xrevrange(key, '+', '-', 'COUNT', 1).then(ack);
  });
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');
serve((http.address() as AddressInfo).port, (event) => io.to('room').emit('event', JSON.parse(event)));
