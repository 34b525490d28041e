import { Device } from 'mediasoup-client';
import type { Outputs } from './api.ts';
import { Connection } from './connection.ts';
import type { ConnectionState } from './connection.ts';
import { localError } from './errors.ts';
import { GiftJournal, pageStorage } from './gift-journal.ts';
import type { GiftStorage } from './gift-journal.ts';
import { JoinTimeLine } from './join-time-line.ts';
import { silentLogger } from './logger.ts';
import type { Logger } from './logger.ts';
import { Membership } from './membership.ts';
import { clientRtp } from './rtp-types.ts';
import { Playback } from './playback.ts';
import { RoomAudio } from './room-audio.ts';
import { Room } from './room.ts';

export interface FlyLiveOptions {
  /** Address of the tRPC endpoint: `wss://host/trpc`; http(s) addresses are accepted too. */
  readonly url: string;
  /** Sanctum token; a function is asked again for every connection, so that an application can renew tokens. */
  readonly token: string | (() => string | Promise<string>);
  /** Left out: silent. */
  readonly logger?: Logger;
  /** Where gifts that are not answered yet outlive a reload of the page; left out: its `sessionStorage`. */
  readonly giftStorage?: GiftStorage;
}

export interface JoinOptions {
  /** An AudioContext that the application has unlocked already; left out: one is made. */
  readonly audioContext?: AudioContext;
}

/** A client of one user: one connection, and the rooms joined over it. */
export class FlyLive {
  readonly #connection: Connection;
  readonly #logger: Logger;
  readonly #giftStorage: GiftStorage;
  #journal: GiftJournal | undefined;
  #device: Promise<Device> | undefined;
  /** For the first room, made before anybody waits for it. */
  #spareContext: AudioContext | undefined;
  /** No spare context is needed any more. */
  #hasJoined = false;
  #room: Room | undefined;
  /** The last join, which the next one waits for: it may leave a room to be left. */
  #joining: Promise<unknown> = Promise.resolve();

  /** Connects at once; see `createFlyLive`. */
  constructor({ url, token, logger = silentLogger, giftStorage = pageStorage() }: FlyLiveOptions) {
    this.#logger = logger;
    this.#giftStorage = giftStorage;
    this.#connection = new Connection(
      { url: url.replace(/^http/, 'ws'), token: typeof token === 'string' ? () => token : token },
      logger,
    );
    // These keep the browser busy for a while, which nobody should have to wait for after the click. Joining tries again.
    this.#loadDevice()
      .then(() => this.#prepareContext())
      .catch(() => undefined);
  }

  /** The connection as it is now. */
  get connection(): ConnectionState {
    return this.#connection.state;
  }

  /** Follows the connection. @returns a function that stops it */
  onConnection(listener: (state: ConnectionState) => void): () => void {
    return this.#connection.on('state', listener);
  }

  /**
   * Whom the token belongs to.
   *
   * @throws {FlyLiveError} of the connection, the token's refusal included, or of `user.me`
   */
  async me(): Promise<Outputs['user']['me']> {
    await this.#connection.connected();
    return this.#connection.call((api) => api.user.me.query());
  }

  /**
   * The rooms open to join.
   *
   * @throws {FlyLiveError} of the connection or of `room.list`
   */
  async rooms(): Promise<Outputs['room']['list']> {
    await this.#connection.connected();
    return this.#connection.call((api) => api.room.list.query());
  }

  /**
   * Joins a room, leaving the one joined before. Call it inside a user gesture, e.g. a click, with nothing awaited in
   * between: sound is unlocked here, and browsers allow that in a gesture only.
   *
   * @throws {FlyLiveError} of `room.join` (`ROOM_NOT_FOUND`, `ROOM_FULL`, ...), of the connection, or
   *   `AUDIO_UNSUPPORTED`
   */
  join(roomId: string, options: JoinOptions = {}): Promise<Room> {
    const timeLine = new JoinTimeLine(this.#logger);
    const context = options.audioContext ?? this.#takeContext();
    const playback = new Playback(this.#logger, context, context !== options.audioContext);
    const joined = this.#joining.then(() => this.#join(roomId, playback, timeLine));
    this.#joining = joined.catch(() => playback.close());
    return joined;
  }

  /** Tries to reconnect at once instead of waiting for the next try. */
  reconnectNow(): void {
    this.#connection.wake();
  }

  /** Leaves the room and closes the connection for good. */
  async close(): Promise<void> {
    await this.#room?.leave();
    this.#connection.close();
    await this.#spareContext?.close();
    this.#spareContext = undefined;
  }

  /** The first one of a browser takes it 0.2 s and more, as it starts its audio service for it. */
  #prepareContext(): void {
    if (this.#hasJoined || this.#connection.state.status === 'closed') return;
    this.#spareContext ??= newContext();
  }

  #takeContext(): AudioContext {
    const context = this.#spareContext ?? newContext();
    this.#spareContext = undefined;
    this.#hasJoined = true;
    return context;
  }

  async #join(roomId: string, playback: Playback, timeLine: JoinTimeLine): Promise<Room> {
    const logger = this.#logger;
    await this.#room?.leave();
    const device = await this.#loadDevice();
    const { membership, answer } = await Membership.join(this.#connection, roomId, device.recvRtpCapabilities, logger);
    timeLine.mark('answer');
    const { call } = membership;
    const audio = new RoomAudio(
      {
        roomId,
        device,
        iceServers: () => membership.answer.iceServers,
        opus: () => membership.answer.opus,
        call,
        repeat: (run) => membership.repeat(run),
        logger,
        timeLine,
      },
      playback,
      answer.user.id,
    );
    const room = new Room(membership, answer, audio, this.#journalOf(answer.user.id), logger);
    this.#room = room;
    await room.begin(answer);
    return room;
  }

  /** One journal for all rooms of a user. */
  #journalOf(userId: number): GiftJournal {
    if (this.#journal?.userId !== userId) this.#journal = new GiftJournal(userId, this.#giftStorage, this.#logger);
    return this.#journal;
  }

  /** One device for all rooms: every router of the server has the same capabilities. */
  #loadDevice(): Promise<Device> {
    this.#device ??= this.#createDevice().catch((error: unknown) => {
      this.#device = undefined;
      throw error;
    });
    return this.#device;
  }

  async #createDevice(): Promise<Device> {
    const routerRtpCapabilities = await this.#connection.connected();
    try {
      const device = await Device.factory();
      await device.load({ routerRtpCapabilities: clientRtp(routerRtpCapabilities) });
      return device;
    } catch (error) {
      throw localError('AUDIO_UNSUPPORTED', error);
    }
  }
}

/** It is suspended until a user gesture. */
function newContext(): AudioContext {
  return new AudioContext({ latencyHint: 'interactive' });
}

/**
 * Connects to a FlyLive audio server.
 *
 * @example
 * const flylive = createFlyLive({ url: 'wss://audio.example.com/trpc', token });
 * const room = await flylive.join('42'); // inside a click handler
 */
export function createFlyLive(options: FlyLiveOptions): FlyLive {
  return new FlyLive(options);
}
