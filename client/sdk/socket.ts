import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import superjson from 'superjson';
import type { AppRouter } from '../../src/routers/index.ts';
import type { Api } from './api.ts';
import { localError, toFlyLiveError } from './errors.ts';

/** A mobile network drops idle sockets after about 30 s; a suspended page needs up to a minute to answer. */
const keepAlive = { enabled: true, intervalMs: 25_000, pongTimeoutMs: 60_000 };

/** tRPC has no time limit of its own: a call that is never answered would wait for ever. */
const usualCallTimeoutMs = 15_000;

export interface SocketOptions {
  /** Address of the tRPC endpoint, ws: or wss:. */
  url: string;
  /** Read once, when the socket opens; never put into an address. */
  token: () => string | Promise<string>;
  /** How long an answer is waited for, ms. Default: 15,000. */
  callTimeoutMs?: number;
}

/**
 * The life of one WebSocket. It never reconnects: membership of a room is tied to the socket, so after a loss
 * `room.join` must come before anything else, while tRPC's own reconnect would resubscribe first.
 */
export class Socket {
  /** Resolves when the socket is lost or closed. */
  readonly lost: Promise<void>;
  readonly api: Api;
  readonly #client: ReturnType<typeof createWSClient>;
  readonly #unanswered = new Set<(error: Error) => void>();
  readonly #resolveLost: () => void;
  readonly #callTimeoutMs: number;
  #closed = false;

  constructor({ url, token, callTimeoutMs = usualCallTimeoutMs }: SocketOptions) {
    this.#callTimeoutMs = callTimeoutMs;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.lost = promise;
    this.#resolveLost = () => resolve(undefined);
    this.#client = createWSClient({
      url,
      connectionParams: async () => ({ token: await token() }),
      keepAlive,
      onClose: () => this.close(),
      // Asked for when the client is about to reconnect, also when the server requests it before it drains.
      retryDelayMs: () => {
        this.close();
        return 0;
      },
    });
    this.api = createTRPCClient<AppRouter>({ links: [wsLink({ client: this.#client, transformer: superjson })] });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Runs one call.
   *
   * @throws {FlyLiveError} the server's refusal, `CONNECTION_LOST` at once when the socket is lost, or `TIMED_OUT`
   */
  call<T>(run: (api: Api) => Promise<T>, timeoutMs = this.#callTimeoutMs): Promise<T> {
    if (this.#closed) return Promise.reject(localError('CONNECTION_LOST'));
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(localError('TIMED_OUT')), timeoutMs);
      this.#unanswered.add(reject);
      run(this.api)
        .then(resolve, (error: unknown) => reject(toFlyLiveError(error)))
        .finally(() => {
          clearTimeout(timer);
          this.#unanswered.delete(reject);
        });
    });
  }

  /** Closes the socket; calls without an answer reject with `CONNECTION_LOST`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const reject of this.#unanswered) reject(localError('CONNECTION_LOST'));
    this.#unanswered.clear();
    // The client waits for open calls before it closes the socket; a dead peer never answers them.
    this.#client.connection?.ws.close();
    void this.#client.close();
    this.#resolveLost();
  }
}
