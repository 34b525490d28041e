import type { Device } from 'mediasoup-client';
import type { Transport } from 'mediasoup-client/types';
import type { Call } from './api.ts';
import { delay, fullJitter } from './back-off.ts';
import { toFlyLiveError } from './errors.ts';
import type { Logger } from './logger.ts';

/** What the media parts of one room share. */
export interface MediaContext {
  readonly roomId: string;
  readonly device: Device;
  readonly iceServers: RTCIceServer[];
  readonly call: Call;
  readonly logger: Logger;
}

/** A short loss of packets mends itself; a longer one needs new candidates. */
const disconnectedToleranceMs = 3_000;

/**
 * One WebRTC transport and its counterpart on the server, kept alive by ICE restarts when the network changes.
 */
export class MediaTransport {
  readonly transport: Transport;
  /** The server's router under it. */
  readonly routerId: string;
  readonly #context: MediaContext;
  readonly #onGone: () => void;
  #healing = false;

  /**
   * Creates the transport on the server, then here.
   *
   * @param onGone - told once when the server no longer has the transport: build a new one
   * @throws {FlyLiveError} of `media.createTransport`
   */
  static async open(context: MediaContext, direction: 'send' | 'receive', onGone: () => void): Promise<MediaTransport> {
    const { roomId, device, iceServers } = context;
    const answer = await context.call((api) => api.media.createTransport.mutate({ roomId, direction }));
    const options = {
      id: answer.transportId,
      iceParameters: answer.iceParameters,
      iceCandidates: answer.iceCandidates,
      dtlsParameters: answer.dtlsParameters,
      iceServers,
    };
    const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
    return new MediaTransport(context, transport, answer.routerId, onGone);
  }

  private constructor(context: MediaContext, transport: Transport, routerId: string, onGone: () => void) {
    this.#context = context;
    this.transport = transport;
    this.routerId = routerId;
    this.#onGone = onGone;
    const { roomId, call } = context;
    const transportId = transport.id;

    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      call((api) => api.media.connectTransport.mutate({ roomId, transportId, dtlsParameters })).then(
        done,
        (error: unknown) => {
          failed(toFlyLiveError(error));
          // Whether the server has connected is unknown now, and it refuses a second time.
          this.#gone();
        },
      );
    });
    transport.on('produce', ({ rtpParameters, appData }, done, failed) => {
      const paused = appData['paused'] === true;
      call((api) =>
        api.media.produce.mutate({ roomId, transportId, source: 'microphone', rtpParameters, paused }),
      ).then(({ producerId }) => done({ id: producerId }), failed);
    });
    transport.on('connectionstatechange', () => void this.heal());
  }

  /** Restarts ICE, again and again, until the media path is back; does nothing while it is fine. */
  async heal(): Promise<void> {
    if (this.#healing || !this.#isBroken()) return;
    this.#healing = true;
    try {
      if (this.transport.connectionState === 'disconnected') await delay(disconnectedToleranceMs);
      for (let attempt = 0; this.#isBroken(); attempt += 1) {
        await this.#restartIce();
        await delay(disconnectedToleranceMs + fullJitter(attempt));
      }
    } catch (thrown) {
      const error = toFlyLiveError(thrown);
      this.#context.logger.debug('ICE restart failed', error);
      // After a lost connection the room heals its transports when it is joined again.
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
    const { iceParameters } = await call((api) => api.media.restartIce.mutate({ roomId, transportId }));
    if (!this.transport.closed) await this.transport.restartIce({ iceParameters });
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
