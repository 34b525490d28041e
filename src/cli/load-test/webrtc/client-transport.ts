import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { DtlsParameters, IceCandidate, IceParameters } from 'mediasoup/types';
import type { DtlsCertificate } from './certificate.ts';
import { DtlsClient } from './dtls-client.ts';
import { SrtpSender } from './srtp.ts';
import { encodeBindingRequest, isBindingSuccess } from './stun.ts';

/** What the server answers when a transport is created. */
export interface ServerTransport {
  readonly iceParameters: IceParameters;
  readonly iceCandidates: readonly IceCandidate[];
  readonly dtlsParameters: DtlsParameters;
}

/** Called with each SRTP packet, as it came; the buffer is the listener's. */
export type SrtpListener = (packet: Buffer) => void;

/** Between two connectivity checks until the first answer, and from then on, as libwebrtc does it, ms. */
const checkInterval = { connecting: 50, connected: 2_500 };
/** A path is dead after so long without an answer, ms (RFC 7675). */
const consentTimeout = 30_000;
const connectTimeout = 15_000;
/** Bytes; packets wait here while this process does something else. */
const receiveBuffer = 1_048_576;

/**
 * A client's end of one WebRTC transport over UDP: ICE with one candidate, DTLS, SRTP of one stream to send. What arrives
 * is not decrypted: to count packets their header will do, which is in the clear.
 *
 * Written by hand for that: werift, which the tests use, authenticates, decrypts and takes apart each packet. That cost
 * about 280 us of CPU time a packet instead of less than 10 (ten receivers in one process, the sender's share taken off,
 * on a busy machine), and thousands of listeners have to fit beside the server that is measured.
 */
export class ClientTransport {
  readonly #socket: Socket;
  readonly #server: ServerTransport;
  readonly #candidate: IceCandidate;
  readonly #dtls: DtlsClient;
  readonly #ufrag = randomBytes(3).toString('hex');
  readonly #tieBreaker = randomBytes(8);
  readonly #reachable = Promise.withResolvers<undefined>();
  readonly #onSrtp: SrtpListener;
  #transactionId = randomBytes(12);
  #answeredAt = 0;
  #checkTimer: NodeJS.Timeout | undefined;
  #sender: SrtpSender | undefined;
  #closed = false;

  /** @throws Error when the server offers no UDP candidate */
  constructor(server: ServerTransport, certificate: DtlsCertificate, onSrtp: SrtpListener) {
    const candidate = server.iceCandidates.find(({ protocol }) => protocol === 'udp');
    if (!candidate) throw new Error('The server offers no UDP candidate');
    this.#server = server;
    this.#candidate = candidate;
    this.#onSrtp = onSrtp;
    this.#socket = createSocket({ type: isIPv6(candidate.address) ? 'udp6' : 'udp4', recvBufferSize: receiveBuffer });
    this.#socket.on('message', (datagram) => this.#receive(datagram));
    this.#socket.on('error', () => this.close());
    this.#dtls = new DtlsClient({
      certificate,
      fingerprints: server.dtlsParameters.fingerprints.flatMap(({ algorithm, value }) =>
        algorithm === 'sha-256' ? [value.toUpperCase()] : [],
      ),
      send: (datagram) => this.#send(datagram),
    });
    this.#reachable.promise.catch(() => undefined);
  }

  /** Whether the path answers. */
  get alive(): boolean {
    return !this.#closed && performance.now() - this.#answeredAt < consentTimeout;
  }

  /** Resolves once ICE and DTLS are connected. @throws Error when they are not within 15 s */
  async connect(): Promise<void> {
    const deadline = setTimeout(() => this.close(), connectTimeout);
    try {
      this.#check();
      await this.#reachable.promise;
      this.#dtls.start();
      this.#sender = new SrtpSender(await this.#dtls.connected);
    } finally {
      clearTimeout(deadline);
    }
  }

  /**
   * @param packet - a whole RTP packet in the clear
   * @param headerLength - bytes before its payload
   */
  sendRtp(packet: Buffer, headerLength: number): void {
    if (!this.#closed && this.#sender) this.#send(this.#sender.protect(packet, headerLength));
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#dtls.close();
    this.#closed = true;
    clearTimeout(this.#checkTimer);
    this.#reachable.reject(new Error(`Nobody answers at ${this.#candidate.address}:${this.#candidate.port}`));
    // Node.js hands a datagram over in a later tick: closed now, the socket would swallow the good-bye.
    setImmediate(() => this.#socket.close());
  }

  /** The kinds are told apart by the first byte (RFC 7983). */
  #receive(datagram: Buffer): void {
    const first = datagram[0] ?? 0;
    if (first >= 128 && first < 192) this.#onSrtp(datagram);
    else if (first < 4) this.#onStun(datagram);
    else if (first >= 20 && first < 64) this.#dtls.receive(datagram);
  }

  #onStun(message: Buffer): void {
    if (!isBindingSuccess(message, this.#transactionId, this.#server.iceParameters.password)) return;
    this.#answeredAt = performance.now();
    this.#reachable.resolve(undefined);
  }

  /** Asks whether the path is open; the answers are the consent to go on sending. */
  #check(): void {
    const { usernameFragment, password } = this.#server.iceParameters;
    // Answers to a repeated question count too, so that a slow path can answer at all.
    if (this.#answeredAt > 0) this.#transactionId = randomBytes(12);
    this.#send(
      encodeBindingRequest({
        transactionId: this.#transactionId,
        username: `${usernameFragment}:${this.#ufrag}`,
        password,
        tieBreaker: this.#tieBreaker,
      }),
    );
    const interval = this.#answeredAt > 0 ? checkInterval.connected : checkInterval.connecting;
    this.#checkTimer = setTimeout(() => this.#check(), interval);
  }

  #send(datagram: Buffer): void {
    // What the network does not take is lost, like anything sent by UDP.
    if (!this.#closed) this.#socket.send(datagram, this.#candidate.port, this.#candidate.address, () => undefined);
  }
}
