import type { DtlsParameters, IceCandidate, IceParameters, WebRtcTransport } from 'mediasoup/types';
import type { TransportState } from '../core/audio-path.ts';
import { type AppCode, AppError } from '../core/errors.ts';
import { mediaError } from './errors.ts';
import { cleanDtlsParameters } from './parameters.ts';

export type Direction = 'send' | 'receive';

/** What a client needs to build its end of a transport. */
export interface TransportDescription {
  readonly transportId: string;
  /** The router it is on; a `routersReplaced` event that names it means that the transport is gone. */
  readonly routerId: string;
  readonly iceParameters: IceParameters;
  readonly iceCandidates: IceCandidate[];
  readonly dtlsParameters: DtlsParameters;
}

/** A transport and the router that it was made on. */
export interface CreatedTransport {
  readonly transport: WebRtcTransport;
  readonly routerId: string;
}

const codes = { missing: 'TRANSPORT_NOT_FOUND', refused: 'MEDIA_REJECTED' } as const;

/**
 * One of a session's two transports, from the request for it on: what closes it while it is still being made, closes
 * what comes of it too.
 */
export class MemberTransport {
  readonly direction: Direction;
  readonly #onClosed: () => void;
  #transport: WebRtcTransport | undefined;
  #closeCode: AppCode | undefined;
  #connection: { readonly parameters: string; readonly done: Promise<void> } | undefined;

  /** @param onClosed - called once, whatever closed it */
  constructor(direction: Direction, onClosed: () => void) {
    this.direction = direction;
    this.#onClosed = onClosed;
  }

  get id(): string | undefined {
    return this.#transport?.id;
  }

  /** How the path to the client is. */
  get state(): TransportState {
    const { dtlsState = 'new', iceState = 'new' } = this.#transport ?? {};
    if (iceState === 'disconnected' || iceState === 'closed') return 'lost';
    return dtlsState === 'connected' ? 'connected' : 'connecting';
  }

  /**
   * Makes the transport.
   *
   * @throws AppError `MEDIA_UNAVAILABLE`, or the code given to {@link close}; nothing is left then
   */
  async open(create: () => Promise<CreatedTransport>): Promise<TransportDescription> {
    let created: CreatedTransport;
    try {
      created = await create();
    } catch (error) {
      this.assertOpen();
      // Nothing here came from the client, so no refusal is its fault.
      const unavailable = error instanceof AppError ? error : new AppError('MEDIA_UNAVAILABLE', { cause: error });
      this.close(unavailable.code);
      throw unavailable;
    }
    const { transport, routerId } = created;
    if (this.#closeCode || transport.closed) {
      transport.close();
      this.close('MEDIA_UNAVAILABLE');
      this.assertOpen();
    }
    this.#transport = transport;
    transport.once('routerclose', () => this.close('MEDIA_UNAVAILABLE'));
    transport.on('dtlsstatechange', (state) => {
      // A client that closes its end says so by DTLS.
      if (state === 'failed' || state === 'closed') this.close('TRANSPORT_NOT_FOUND');
    });
    return {
      transportId: transport.id,
      routerId,
      iceParameters: transport.iceParameters,
      iceCandidates: transport.iceCandidates,
      dtlsParameters: transport.dtlsParameters,
    };
  }

  /**
   * Starts DTLS. The same parameters again answer as the first time, since the client may have missed the answer.
   *
   * @throws AppError `MEDIA_REJECTED` for other parameters than the first time or unusable ones, `TRANSPORT_NOT_FOUND`
   *   or the code given to {@link close} when it was closed meanwhile
   */
  async connect(dtlsParameters: unknown): Promise<void> {
    const clean = cleanDtlsParameters(dtlsParameters);
    const parameters = JSON.stringify(clean);
    if (!this.#connection) {
      const done = this.transport.connect({ dtlsParameters: clean });
      this.#connection = { parameters, done };
    } else if (this.#connection.parameters !== parameters) {
      throw new AppError('MEDIA_REJECTED', { message: 'The transport is already connected' });
    }
    const connection = this.#connection;
    await this.#settle(connection.done).catch((error: unknown) => {
      if (this.#connection === connection) this.#connection = undefined;
      throw error;
    });
  }

  /** @throws AppError as {@link connect} */
  restartIce(): Promise<IceParameters> {
    return this.#settle(this.transport.restartIce());
  }

  /** @throws AppError the code given to {@link close} */
  get transport(): WebRtcTransport {
    this.assertOpen();
    if (!this.#transport) throw new AppError('TRANSPORT_NOT_FOUND');
    return this.#transport;
  }

  /** @throws AppError the code given to {@link close} */
  assertOpen(): void {
    if (this.#closeCode) throw new AppError(this.#closeCode);
  }

  /** @param code - what calls that are still under way fail with */
  close(code: AppCode): void {
    if (this.#closeCode) return;
    this.#closeCode = code;
    this.#transport?.close();
    this.#onClosed();
  }

  async #settle<T>(call: Promise<T>): Promise<T> {
    try {
      const result = await call;
      this.assertOpen();
      return result;
    } catch (error) {
      // A call that raced the close failed because of it, whatever mediasoup says.
      this.assertOpen();
      throw mediaError(error, codes);
    }
  }
}
