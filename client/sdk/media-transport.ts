import type { Device } from 'mediasoup-client';
import type { DtlsParameters, Transport } from 'mediasoup-client/types';
import type { OpusSettings } from '../../src/core/model.ts';
import type { Call, Outputs } from './api.ts';
import { delay, fullJitter } from './back-off.ts';
import { localError, toFlyLiveError } from './errors.ts';
import type { FlyLiveError } from './errors.ts';
import type { JoinTimeLine } from './join-time-line.ts';
import type { Logger } from './logger.ts';

/** What the media parts of one room share. */
export interface MediaContext {
  readonly roomId: string;
  readonly device: Device;
  /** Of the last join: TURN credentials run out. */
  readonly iceServers: () => RTCIceServer[];
  /** How the room's speakers encode; of the last join too. */
  readonly opus: () => OpusSettings;
  readonly call: Call;
  /** A call that may be made once more, over the next connection, when its answer was lost. */
  readonly repeat: Call;
  readonly logger: Logger;
  /** Of the call that joined. */
  readonly timeLine: JoinTimeLine;
}

/** The server's end of a transport. */
type TransportOffer = Outputs['media']['createTransport'];

export interface MediaTransportOptions {
  readonly direction: 'send' | 'receive';
  /** Told once when the server no longer has the transport: build a new one. */
  readonly onGone: () => void;
  /** Told `MEDIA_BLOCKED` when nothing has got through for 15 s; the transport goes on trying. */
  readonly onProblem: (error: FlyLiveError) => void;
  /** Hands this end's DTLS parameters to the server; left out: by `media.connectTransport`. */
  readonly connect?: (transportId: string, dtlsParameters: DtlsParameters) => Promise<unknown>;
}

/** How the media of a session stands that goes on after its socket was lost. */
export interface Resumption {
  /** The transports that the server still has. */
  readonly transportIds: readonly string[];
  /** Whether the client comes from another address than before. */
  readonly moved: boolean;
}

/** A short loss of packets mends itself; a longer one needs new candidates. */
const disconnectedToleranceMs = 3_000;
/** How long repairs go on before the user is told. */
const complainAfterMs = 15_000;

/**
 * One WebRTC transport and its counterpart on the server, kept alive by ICE restarts when the network changes.
 */
export class MediaTransport {
  readonly transport: Transport;
  /** The server's router under it. */
  readonly routerId: string;
  readonly #context: MediaContext;
  readonly #onGone: () => void;
  readonly #onProblem: (error: FlyLiveError) => void;
  /** Runs from the first loss until media flows again. */
  #complaint: ReturnType<typeof setTimeout> | undefined;
  #healing = false;
  /** The path is to be set up anew, however it looks. */
  #restartDue = false;
  /** Ends the wait before the next restart. */
  #hurry = new AbortController();

  /**
   * Creates the transport on the server, then here.
   *
   * @throws {FlyLiveError} of `media.createTransport`
   */
  static async open(context: MediaContext, options: MediaTransportOptions): Promise<MediaTransport> {
    const { roomId } = context;
    const { direction } = options;
    const offer = await context.call((api) => api.media.createTransport.mutate({ roomId, direction }));
    return new MediaTransport(context, offer, options);
  }

  /** @param offer - the transport as the server has created it */
  constructor(context: MediaContext, offer: TransportOffer, options: MediaTransportOptions) {
    const { roomId, call, repeat, device } = context;
    const iceServers = context.iceServers();
    const { transportId, routerId, iceParameters, iceCandidates, dtlsParameters } = offer;
    const ends = { id: transportId, iceParameters, iceCandidates, dtlsParameters, iceServers };
    const transport =
      options.direction === 'send' ? device.createSendTransport(ends) : device.createRecvTransport(ends);
    this.#context = context;
    this.transport = transport;
    this.routerId = routerId;
    this.#onGone = options.onGone;
    this.#onProblem = options.onProblem;
    const connect =
      options.connect ??
      ((id, parameters) =>
        repeat((api) => api.media.connectTransport.mutate({ roomId, transportId: id, dtlsParameters: parameters })));

    transport.on('connect', (local, done) => {
      // ICE need not wait for the answer: by the time it is done the server has the parameters, or DTLS tries again.
      done();
      connect(transportId, local.dtlsParameters).catch((error: unknown) => {
        context.logger.debug('A transport could not be connected', toFlyLiveError(error));
        this.#gone();
      });
    });
    transport.on('produce', ({ rtpParameters, appData }, done, failed) => {
      const paused = appData['paused'] === true;
      call((api) =>
        api.media.produce.mutate({ roomId, transportId, source: 'microphone', rtpParameters, paused }),
      ).then(({ producerId }) => done({ id: producerId }), failed);
    });
    transport.on('connectionstatechange', () => {
      this.#watch();
      void this.#heal();
    });
    transport.observer.once('close', () => clearTimeout(this.#complaint));
  }

  /** The device may have another address now: restarts ICE at once, or as soon as there is a connection again. */
  restart(): void {
    // What has not begun to connect finds its way by itself.
    if (this.transport.connectionState === 'new') return;
    this.#restartDue = true;
    this.#hurry.abort();
    this.#hurry = new AbortController();
    void this.#heal();
  }

  /**
   * After a resumed session: what was lost with the socket is not waited for any longer.
   *
   * @param moved - whether the client comes from another address than before
   */
  resume(moved: boolean): void {
    if (moved || this.#restartDue || this.#isBroken()) this.restart();
  }

  /** Restarts ICE, again and again, until the media path is back; does nothing while it is fine. */
  async #heal(): Promise<void> {
    if (this.#healing || !(this.#restartDue || this.#isBroken())) return;
    this.#healing = true;
    try {
      if (!this.#restartDue && this.transport.connectionState === 'disconnected') {
        await delay(disconnectedToleranceMs, this.#hurry.signal);
      }
      for (let attempt = 0; this.#restartDue || this.#isBroken(); attempt += 1) {
        await this.#restartIce();
        await delay(disconnectedToleranceMs + fullJitter(attempt), this.#hurry.signal);
      }
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      this.#context.logger.debug('ICE restart failed', error);
      // After a lost connection the room resumes its transports when it is joined again.
      if (error.code === 'CONNECTION_LOST' || error.code === 'CLOSED') return;
      this.#gone();
    } finally {
      this.#healing = false;
    }
  }

  get closed(): boolean {
    return this.transport.closed;
  }

  close(): void {
    this.transport.close();
  }

  async #restartIce(): Promise<void> {
    const { roomId, call } = this.#context;
    const transportId = this.transport.id;
    this.#restartDue = false;
    try {
      const { iceParameters, iceServers } = await call((api) => api.media.restartIce.mutate({ roomId, transportId }));
      // Those of the join may have run out by now.
      if (!this.transport.closed) await this.transport.updateIceServers({ iceServers });
      if (!this.transport.closed) await this.transport.restartIce({ iceParameters });
    } catch (error) {
      this.#restartDue = true;
      throw error;
    }
  }

  #watch(): void {
    if (this.transport.connectionState === 'connected') {
      clearTimeout(this.#complaint);
      this.#complaint = undefined;
    } else if (this.#isBroken()) {
      this.#complaint ??= setTimeout(() => this.#onProblem(localError('MEDIA_BLOCKED')), complainAfterMs);
    }
  }

  #isBroken(): boolean {
    return ['disconnected', 'failed'].includes(this.transport.connectionState);
  }

  #gone(): void {
    if (this.transport.closed) return;
    this.transport.close();
    this.#onGone();
  }
}
