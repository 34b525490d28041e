import { once } from 'node:events';
import { WebSocket } from 'ws';

interface Call {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A refused call. */
export class RefusedError extends Error {
  readonly appCode: string;

  constructor(appCode: string) {
    super(appCode);
    this.appCode = appCode;
  }
}

/**
 * A client that costs as little as one can: it speaks tRPC's WebSocket messages without a library, and takes no event
 * apart. For load, and for what a stock client does not do, such as not reading.
 */
export class LightClient {
  /** Settles when the socket is gone, with its close code. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, Call>();
  readonly #subscriptions = new Map<number, (message: string) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number) => {
        for (const { reject } of this.#calls.values()) reject(new Error('The socket was lost'));
        this.#calls.clear();
        resolve(code);
      });
    });
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => this.#onMessage(data.toString()));
  }

  /**
   * @param token - null: says nothing of who it is
   * @throws Error when the connection is refused
   */
  static async connect(url: string, token: string | null): Promise<LightClient> {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/trpc?connectionParams=1`, { perMessageDeflate: false });
    const client = new LightClient(socket);
    await once(socket, 'open');
    socket.send(JSON.stringify({ method: 'connectionParams', data: token === null ? null : { token } }));
    return client;
  }

  /** @throws RefusedError */
  query<T>(path: string, input: object): Promise<T> {
    return this.#call('query', path, input) as Promise<T>;
  }

  /** @throws RefusedError */
  mutate<T>(path: string, input: object): Promise<T> {
    return this.#call('mutation', path, input) as Promise<T>;
  }

  /** @param onMessage - given each message's text, that of the start and of a refusal included */
  subscribe(path: string, input: object, onMessage: (message: string) => void): void {
    const id = (this.#lastId += 1);
    this.#subscriptions.set(id, onMessage);
    this.#send(id, 'subscription', path, input);
  }

  /** Skips request ids, as a client does that has made other calls before. */
  skipIds(count: number): void {
    this.#lastId += count;
  }

  /** Sends a frame as it is. @returns when TCP has taken it, or the socket is gone */
  sendRaw(frame: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.send(frame, () => resolve()));
  }

  /** Stops reading, down to TCP. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Ends the TCP connection without a closing handshake. */
  terminate(): void {
    this.#socket.terminate();
  }

  #call(method: 'query' | 'mutation', path: string, input: object): Promise<unknown> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#send(id, method, path, input);
    });
  }

  #send(id: number, method: string, path: string, input: object): void {
    this.#socket.send(JSON.stringify({ id, method, params: { path, input: { json: input } } }));
  }

  #onMessage(text: string): void {
    if (text === 'PING') return this.#socket.send('PONG');
    // Every message begins with the id of its request.
    const id = Number.parseInt(text.slice('{"id":'.length), 10);
    const onMessage = this.#subscriptions.get(id);
    if (onMessage !== undefined) return onMessage(text);
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#calls.delete(id);
    const { result, error } = JSON.parse(text) as Answer;
    if (error === undefined) call.resolve(result?.data?.json);
    else call.reject(new RefusedError(error.json.data.appCode));
  }
}

interface Answer {
  readonly result?: { readonly data?: { readonly json?: unknown } };
  readonly error?: { readonly json: { readonly data: { readonly appCode: string } } };
}

/** The event id of a message, or null when it carries none (started, stopped, an error, activity). */
export function eventIdOf(message: string): string | null {
  const match = /"id":"(\d+-\d+)"\}\}$/.exec(message.slice(-60));
  return match?.[1] ?? null;
}
