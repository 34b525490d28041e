import type { RtpCapabilities as ServerCapabilities } from 'mediasoup/types';
import type { Api, Call, Outputs } from './api.ts';
import { delay, fullJitter } from './back-off.ts';
import type { Connection, ConnectionState } from './connection.ts';
import { Emitter } from './emitter.ts';
import type { FlyLiveError } from './errors.ts';
import { localError, toFlyLiveError } from './errors.ts';
import type { Logger } from './logger.ts';

/** What `room.join` answers. */
export type JoinAnswer = Outputs['room']['join'];

export type MembershipStatus = 'joined' | 'reconnecting' | 'ended';

interface MembershipEvents extends Record<string, unknown[]> {
  lost: [];
  /** `resumed` of the answer says whether the session, and with it seat and transports, outlived the absence. */
  rejoined: [answer: JoinAnswer];
  /** Refused: there is no membership any more. */
  refused: [error: FlyLiveError];
}

interface MembershipOptions {
  readonly connection: Connection;
  readonly roomId: string;
  readonly answer: JoinAnswer;
  /** What this device can receive; sent with every join, so that a new session hears at once. */
  readonly rtpCapabilities: ServerCapabilities;
  readonly logger: Logger;
}

/** How long {@link Membership.retry} goes on: longer than the grace period, shorter than anybody's patience. */
const retryForMs = 60_000;
/** Refusals that say how long to wait, of which a person decides whether it is worth it. */
const usersChoice = new Set<string>(['RATE_LIMITED', 'SLOW_MODE']);

/** One user's membership of one room, over all the connections that it takes to keep it. */
export class Membership extends Emitter<MembershipEvents> {
  readonly roomId: string;
  readonly #connection: Connection;
  readonly #stopListening: () => void;
  readonly #rtpCapabilities: ServerCapabilities;
  #answer: JoinAnswer;
  #status: MembershipStatus = 'joined';
  /** Aborted and replaced with every change of status. */
  #changed = new AbortController();
  #rejoining = false;

  /**
   * Joins on the current connection, or on the next when it is lost meanwhile.
   *
   * @throws {FlyLiveError} of `room.join`, or the connection's refusal
   */
  static async join(
    connection: Connection,
    roomId: string,
    rtpCapabilities: ServerCapabilities,
    logger: Logger,
  ): Promise<{ membership: Membership; answer: JoinAnswer }> {
    for (let attempt = 0; ; attempt += 1) {
      await connection.connected();
      try {
        const answer = await connection.call((api) => api.room.join.mutate({ roomId, rtpCapabilities }));
        return { membership: new Membership({ connection, roomId, answer, rtpCapabilities, logger }), answer };
      } catch (thrown) {
        const error = toFlyLiveError(thrown);
        if (error.code !== 'CONNECTION_LOST' || attempt >= 3) throw error;
      }
    }
  }

  private constructor(options: MembershipOptions) {
    const { connection, roomId, answer, rtpCapabilities, logger } = options;
    super((error) => logger.warn('A listener of the membership threw', error));
    this.#connection = connection;
    this.roomId = roomId;
    this.#rtpCapabilities = rtpCapabilities;
    this.#answer = answer;
    this.#stopListening = connection.on('state', (state) => this.#onConnection(state));
    // The connection may have been lost between the answer and here.
    queueMicrotask(() => this.#onConnection(connection.state));
  }

  get sessionId(): string {
    return this.#answer.sessionId;
  }

  /** What the last join answered. */
  get answer(): JoinAnswer {
    return this.#answer;
  }

  get status(): MembershipStatus {
    return this.#status;
  }

  /**
   * Runs a call as a member.
   *
   * @throws {FlyLiveError} `CONNECTION_LOST` while reconnecting, `CLOSED` after the end, or the call's own
   */
  readonly call: Call = (run) => {
    if (this.#status === 'joined') return this.#connection.call(run);
    return Promise.reject(localError(this.#status === 'ended' ? 'CLOSED' : 'CONNECTION_LOST'));
  };

  /** The calls of the current connection, for subscriptions. */
  readonly api = (): Api => {
    if (this.#status !== 'joined') throw localError('CONNECTION_LOST');
    return this.#connection.api;
  };

  /**
   * Runs a call that is safe to repeat (it carries an id made here) until it is answered: over lost connections and
   * after errors that pass, for at most a minute.
   *
   * @throws {FlyLiveError} the first refusal that stands, or the last error; `RATE_LIMITED` and `SLOW_MODE` at once,
   *   since waiting is the user's choice
   */
  async retry<T>(run: (api: Api) => Promise<T>): Promise<T> {
    const until = Date.now() + retryForMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.joined();
        return await this.call(run);
      } catch (thrown) {
        const error = toFlyLiveError(thrown);
        const mayPass = error.retryable || (error.code === 'NOT_IN_ROOM' && this.#status !== 'ended');
        if (!mayPass || usersChoice.has(error.code) || Date.now() > until) throw error;
        await delay(Math.max(error.retryAfterMs ?? 0, fullJitter(attempt)));
      }
    }
  }

  /**
   * Runs a call that the server grants again when its effect is there already: once more, if only its answer was lost.
   *
   * @throws {FlyLiveError} of the call
   */
  async repeat<T>(run: (api: Api) => Promise<T>): Promise<T> {
    try {
      return await this.call(run);
    } catch (thrown) {
      const { code } = toFlyLiveError(thrown);
      if (code !== 'CONNECTION_LOST' && code !== 'TIMED_OUT') throw thrown;
      await this.joined();
      return this.call(run);
    }
  }

  /** Waits until the room is joined. @throws {FlyLiveError} `CLOSED` after the end */
  async joined(): Promise<void> {
    while (this.#status === 'reconnecting') {
      const { signal } = this.#changed;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }
    if (this.#status === 'ended') throw localError('CLOSED');
  }

  /** The server says that this connection is no member: joins again. */
  rejoin(): void {
    if (this.#status === 'joined') {
      this.#set('reconnecting');
      this.emit('lost');
    }
    if (this.#status === 'reconnecting' && this.#connection.state.status === 'connected') void this.#rejoin();
  }

  /** Ends the membership here; tells the server if there is a connection. */
  async leave(): Promise<void> {
    if (this.#status === 'ended') return;
    const { roomId } = this;
    const told = this.call((api) => api.room.leave.mutate({ roomId }));
    this.end();
    // Without a connection the server ends the session after the grace period.
    await told.catch(() => undefined);
  }

  /** Ends the membership here only. */
  end(): void {
    if (this.#status === 'ended') return;
    this.#stopListening();
    this.#set('ended');
  }

  #onConnection(state: ConnectionState): void {
    if (this.#status === 'ended') return;
    if (state.status === 'connected') {
      if (this.#status === 'reconnecting') void this.#rejoin();
    } else if (state.status === 'refused') {
      this.#refuse(state.error);
    } else if (state.status === 'closed') {
      this.#refuse(localError('CLOSED'));
    } else if (this.#status === 'joined') {
      this.#set('reconnecting');
      this.emit('lost');
    }
  }

  async #rejoin(): Promise<void> {
    if (this.#rejoining) return;
    this.#rejoining = true;
    const { roomId } = this;
    const rtpCapabilities = this.#rtpCapabilities;
    for (let attempt = 0; this.#status === 'reconnecting'; attempt += 1) {
      const { sessionId } = this;
      try {
        const answer = await this.#connection.call((api) =>
          api.room.join.mutate({ roomId, sessionId, rtpCapabilities }),
        );
        if (this.#status !== 'reconnecting') break;
        this.#answer = answer;
        this.#set('joined');
        this.emit('rejoined', answer);
      } catch (thrown) {
        const error = toFlyLiveError(thrown);
        // The next connection starts over.
        if (error.code === 'CONNECTION_LOST') break;
        if (!error.retryable) this.#refuse(error);
        else await delay(Math.max(error.retryAfterMs ?? 0, fullJitter(attempt)));
      }
    }
    this.#rejoining = false;
  }

  #refuse(error: FlyLiveError): void {
    if (this.#status === 'ended') return;
    this.end();
    this.emit('refused', error);
  }

  #set(status: MembershipStatus): void {
    this.#status = status;
    this.#changed.abort();
    this.#changed = new AbortController();
  }
}
