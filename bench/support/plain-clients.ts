import { once } from 'node:events';
import { WebSocket } from 'ws';

/** A client of a plain contestant. */
export interface PlainClient {
  /** Stops reading. */
  pause(): void;
  call(): Promise<unknown>;
  /** Ends the TCP connection, as a lost network does. */
  terminate(): void;
}

/** Shorter messages are the protocols' own (pings). */
const shortestEvent = 20;

/** @throws Error when the connection is refused */
export async function openWs(url: string, onEvent: () => void): Promise<PlainClient> {
  const socket = new WebSocket(url.replace('http', 'ws'), { perMessageDeflate: false });
  socket.on('error', () => undefined);
  const calls = new Map<number, (answer: string) => void>();
  let lastId = 0;
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (!text.startsWith('{"id":')) return onEvent();
    const id = Number.parseInt(text.slice('{"id":'.length), 10);
    JSON.parse(text);
    calls.get(id)?.(text);
    calls.delete(id);
  });
  await once(socket, 'open');
  return {
    pause: () => socket.pause(),
    call: () =>
      new Promise((resolve) => {
        calls.set((lastId += 1), resolve);
        socket.send(JSON.stringify({ id: lastId, input: { limit: 1 } }));
      }),
    terminate: () => socket.terminate(),
  };
}

/** Speaks Engine.IO 4 and Socket.IO 5 as far as it takes to be in the room. @throws Error when the connection is refused */
export async function openSocketIo(url: string, onEvent: () => void): Promise<PlainClient> {
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const acks = new Map<number, (answer: string) => void>();
  let lastId = 0;
  const connected = Promise.withResolvers<undefined>();
  socket.on('error', connected.reject);
  socket.on('close', () => connected.reject(new Error('The socket was lost')));
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (text === '2') socket.send('3');
    else if (text.startsWith('0')) socket.send('40');
    else if (text.startsWith('40')) connected.resolve(undefined);
    else if (text.startsWith('43')) {
      const id = Number.parseInt(text.slice(2), 10);
      JSON.parse(text.slice(text.indexOf('[')));
      acks.get(id)?.(text);
      acks.delete(id);
    } else if (text.length > shortestEvent) onEvent();
  });
  await connected.promise;
  return {
    pause: () => socket.pause(),
    call: () =>
      new Promise((resolve) => {
        acks.set((lastId += 1), resolve);
        socket.send(`42${lastId}["history",{"limit":1}]`);
      }),
    terminate: () => socket.terminate(),
  };
}
