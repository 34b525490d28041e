import type { Api } from './api.ts';
import { delay, fullJitter } from './back-off.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveCode, FlyLiveError } from './errors.ts';
import { localError, toFlyLiveError } from './errors.ts';
import type { Logger } from './logger.ts';
import { Socket } from './socket.ts';
import type { SocketOptions } from './socket.ts';
import { onWakeUp } from './wake-ups.ts';

export type ConnectionState =
  | { readonly status: 'connecting' }
  | { readonly status: 'connected' }
  /** `retryAt` is on this device's clock, ms since the epoch. */
  | { readonly status: 'reconnecting'; readonly retryInMs: number; readonly retryAt: number }
  /** The server refused the token; final. */
  | { readonly status: 'refused'; readonly code: FlyLiveCode; readonly error: FlyLiveError }
  | { readonly status: 'closed' };

type RtpCapabilities = Awaited<ReturnType<Api['media']['capabilities']['query']>>;

/** A connection that held this long was a good one: the next loss starts the back-off anew. */
const stableAfterMs = 5_000;
/** How long a probe of a socket that may be dead waits for an answer. */
const probeTimeoutMs = 5_000;
const handshakeTimeoutMs = 10_000;

/** Keeps one socket to the server open, with full-jitter back-off, until it is closed or the token is refused. */
export class Connection extends Emitter<{ state: [ConnectionState] }> {
  readonly #options: SocketOptions;
  readonly #logger: Logger;
  readonly #stopWakeUps: () => void;
  #state: ConnectionState = { status: 'connecting' };
  #socket: Socket;
  #capabilities: RtpCapabilities | undefined;
  #retryNow = new AbortController();
  /** The socket that is being checked. */
  #probed: Socket | null = null;

  constructor(options: SocketOptions, logger: Logger) {
    super((error) => logger.warn('A listener of the connection threw', error));
    this.#options = options;
    this.#logger = logger;
    this.#socket = new Socket(options);
    this.#stopWakeUps = onWakeUp(() => this.wake());
    void this.#stayConnected();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /**
   * Runs one call on the current socket. When it is not answered in time the socket is checked, and given up if it is
   * dead: a network that goes away says nothing.
   *
   * @throws {FlyLiveError} the server's refusal, `TIMED_OUT`, or `CONNECTION_LOST` while there is no connection
   */
  readonly call = <T>(run: (api: Api) => Promise<T>): Promise<T> => {
    if (this.#state.status !== 'connected') return Promise.reject(this.#absence());
    const socket = this.#socket;
    return socket.call(run).catch((thrown: unknown) => {
      if (toFlyLiveError(thrown).code === 'TIMED_OUT') void this.#probe(socket);
      throw thrown;
    });
  };

  /** The calls of the current socket, for subscriptions. */
  get api(): Api {
    if (this.#state.status !== 'connected') throw this.#absence();
    return this.#socket.api;
  }

  /**
   * Waits until the connection is up.
   *
   * @returns the server's RTP capabilities, which every connection asks for first
   * @throws {FlyLiveError} the code of the refusal, or `CLOSED`
   */
  async connected(): Promise<RtpCapabilities> {
    while (this.#state.status !== 'connected' || !this.#capabilities) {
      if (this.#state.status === 'refused' || this.#state.status === 'closed') throw this.#absence();
      await new Promise<void>((resolve) => {
        const stop = this.on('state', () => {
          stop();
          resolve();
        });
      });
    }
    return this.#capabilities;
  }

  /** Tries again at once, or checks that an open socket is still alive. */
  wake(): void {
    this.#retryNow.abort();
    if (this.#state.status === 'connected') void this.#probe(this.#socket);
  }

  /** Closes the connection for good. */
  close(): void {
    if (this.#state.status === 'closed') return;
    this.#stopWakeUps();
    this.#set({ status: 'closed' });
    this.#retryNow.abort();
    this.#socket.close();
  }

  /** Closes a socket that does not answer. */
  async #probe(socket: Socket): Promise<void> {
    if (this.#probed === socket) return;
    this.#probed = socket;
    try {
      await socket.call((api) => api.media.capabilities.query(), probeTimeoutMs);
    } catch (thrown) {
      if (toFlyLiveError(thrown).code === 'TIMED_OUT') socket.close();
    } finally {
      this.#probed = null;
    }
  }

  async #stayConnected(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const socket = this.#socket;
      let atLeastMs = 0;
      try {
        // The handshake: whether the token is accepted shows with the first answer only.
        this.#capabilities = await socket.call((api) => api.media.capabilities.query(), handshakeTimeoutMs);
        if (this.#isClosed()) return;
        const since = Date.now();
        this.#set({ status: 'connected' });
        await socket.lost;
        if (Date.now() - since > stableAfterMs) attempt = 0;
      } catch (thrown) {
        socket.close();
        if (this.#isClosed()) return;
        const error = toFlyLiveError(thrown);
        if (!error.retryable) {
          this.#stopWakeUps();
          this.#set({ status: 'refused', code: error.code, error });
          return;
        }
        this.#logger.debug('Connecting failed', error);
        atLeastMs = error.retryAfterMs ?? 0;
      }
      if (this.#isClosed()) return;
      await this.#pause(Math.max(fullJitter(attempt), atLeastMs));
      if (this.#isClosed()) return;
      this.#socket = new Socket(this.#options);
    }
  }

  async #pause(ms: number): Promise<void> {
    this.#retryNow = new AbortController();
    this.#set({ status: 'reconnecting', retryInMs: ms, retryAt: Date.now() + ms });
    await delay(ms, this.#retryNow.signal);
  }

  #isClosed(): boolean {
    return this.#state.status === 'closed';
  }

  #absence(): FlyLiveError {
    if (this.#state.status === 'refused') return this.#state.error;
    return localError(this.#state.status === 'closed' ? 'CLOSED' : 'CONNECTION_LOST');
  }

  #set(state: ConnectionState): void {
    this.#state = state;
    this.emit('state', state);
  }
}
