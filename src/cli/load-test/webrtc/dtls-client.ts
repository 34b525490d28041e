import { createECDH, type ECDH, randomBytes, sign, verify, X509Certificate } from 'node:crypto';
import type { DtlsCertificate } from './certificate.ts';
import { vector } from './bytes.ts';
import {
  decodeCertificate,
  decodeCookie,
  decodeServerHello,
  decodeServerKeyExchange,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientHello,
  encodeMessage,
  type HandshakeMessage,
  HandshakeReassembler,
  handshakeType,
  type ServerHello,
} from './dtls-handshake.ts';
import { contentType, DtlsRecords } from './dtls-records.ts';
import { deriveConnectionKeys, prf, sha256 } from './key-schedule.ts';
import { type SrtpMasterKey, srtpProfiles, srtpSaltLength } from './srtp.ts';

export interface DtlsClientOptions {
  readonly certificate: DtlsCertificate;
  /** SHA-256 fingerprints that the server's certificate may have, in hexadecimal pairs with colons. */
  readonly fingerprints: readonly string[];
  readonly send: (datagram: Buffer) => void;
}

/** One record of a flight; numbered and encrypted anew each time that it is sent. */
interface OutgoingRecord {
  readonly epoch: 0 | 1;
  readonly type: number;
  readonly content: Buffer;
}

const alert = { closeNotify: 0, warning: 1, fatal: 2 };
/** Before a flight is repeated, doubling from the first to the second value, ms (RFC 6347, section 4.2.4.1). */
const repeatDelay = { first: 500, max: 8_000 };

/**
 * The client's end of a DTLS 1.2 handshake for SRTP (RFC 5764): one cipher suite, one curve, certificates checked by their
 * fingerprints, no application data. That is what a WebRTC client needs, at a cost that allows thousands of them.
 */
export class DtlsClient {
  /** The key that this end protects its packets with. Rejects when the handshake fails or is closed. */
  readonly connected: Promise<SrtpMasterKey>;
  readonly #options: DtlsClientOptions;
  readonly #records = new DtlsRecords();
  readonly #reassembler = new HandshakeReassembler();
  readonly #settle = Promise.withResolvers<SrtpMasterKey>();
  /** Until it is over. */
  #handshake: Handshake | undefined = new Handshake();
  /** What the server is told when this end closes; once there is a connection. */
  #goodbye: readonly OutgoingRecord[] = [];
  #flight: readonly OutgoingRecord[] = [];
  #repeatTimer: NodeJS.Timeout | undefined;

  constructor(options: DtlsClientOptions) {
    this.#options = options;
    this.connected = this.#settle.promise;
    // Whoever waits for it sees the failure.
    this.connected.catch(() => undefined);
  }

  /** Sends the first flight. */
  start(): void {
    if (this.#handshake) this.#send(this.#hello(this.#handshake, Buffer.alloc(0)));
  }

  /** Takes a datagram whose first byte is from 20 to 63. */
  receive(datagram: Buffer): void {
    try {
      for (const { type, fragment } of this.#records.read(datagram)) {
        if (type === contentType.alert) this.#onAlert(fragment);
        else if (type === contentType.handshake) {
          for (const message of this.#reassembler.add(fragment)) this.#onMessage(message);
        }
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Says good-bye and forgets everything. Idempotent. */
  close(): void {
    if (this.#goodbye.length > 0) this.#transmit(this.#goodbye);
    this.#goodbye = [];
    this.#end(new Error('DTLS was closed'));
  }

  #onMessage(message: HandshakeMessage): void {
    const handshake = this.#handshake;
    if (!handshake) return;
    const { type, body } = message;
    if (type === handshakeType.helloVerifyRequest) {
      handshake.forget();
      return this.#send(this.#hello(handshake, decodeCookie(body)));
    }
    if (type === handshakeType.finished) return this.#onFinished(handshake, body);
    handshake.note(message);
    if (type === handshakeType.serverHello) handshake.server = decodeServerHello(body);
    else if (type === handshakeType.certificate) handshake.certificate = this.#check(decodeCertificate(body));
    else if (type === handshakeType.serverKeyExchange) handshake.takeServerKey(body);
    else if (type === handshakeType.serverHelloDone) this.#send(this.#answer(handshake));
  }

  #hello(handshake: Handshake, cookie: Buffer): OutgoingRecord[] {
    const profiles = srtpProfiles.map(({ id }) => id);
    return [handshake.write(handshakeType.clientHello, encodeClientHello(handshake.random, cookie, profiles))];
  }

  /** @throws Error when the certificate is not the one that was announced */
  #check(der: Buffer): X509Certificate {
    const certificate = new X509Certificate(der);
    if (this.#options.fingerprints.includes(certificate.fingerprint256)) return certificate;
    throw new Error('The certificate of the server is not the one that it announced');
  }

  #answer(handshake: Handshake): OutgoingRecord[] {
    const { der, privateKey } = this.#options.certificate;
    const publicKey = handshake.ecdh.getPublicKey();
    const flight = [
      handshake.write(handshakeType.certificate, encodeCertificate(der)),
      handshake.write(handshakeType.clientKeyExchange, vector(1, publicKey)),
    ];
    const { random, server } = handshake.deriveMaster();
    this.#records.setKeys(deriveConnectionKeys(handshake.master, random, server.random));
    const signature = sign('sha256', handshake.transcript, privateKey);
    flight.push(handshake.write(handshakeType.certificateVerify, encodeCertificateVerify(signature)));
    flight.push({ epoch: 0, type: contentType.changeCipherSpec, content: Buffer.from([1]) });
    const finished = handshake.write(handshakeType.finished, handshake.verifyData('client finished'));
    return [...flight, { ...finished, epoch: 1 }];
  }

  #onFinished(handshake: Handshake, body: Buffer): void {
    if (!body.equals(handshake.verifyData('server finished'))) throw new Error('The handshake was tampered with');
    const key = handshake.exportSrtpKey();
    this.#handshake = undefined;
    clearTimeout(this.#repeatTimer);
    this.#flight = [];
    this.#goodbye = [{ epoch: 1, type: contentType.alert, content: Buffer.from([alert.warning, alert.closeNotify]) }];
    this.#settle.resolve(key);
  }

  #onAlert(content: Buffer): void {
    const [level, description] = content;
    if (level === alert.fatal || description === alert.closeNotify) {
      this.#end(new Error(`The server ended DTLS with alert ${description}`));
    }
  }

  /** Sends a flight, again and again until the next one is sent or the handshake is over. */
  #send(flight: readonly OutgoingRecord[]): void {
    this.#flight = flight;
    clearTimeout(this.#repeatTimer);
    this.#repeat(repeatDelay.first);
  }

  #repeat(delayMs: number): void {
    this.#transmit(this.#flight);
    this.#repeatTimer = setTimeout(() => this.#repeat(Math.min(2 * delayMs, repeatDelay.max)), delayMs);
  }

  #transmit(flight: readonly OutgoingRecord[]): void {
    // A whole flight is below 1,200 bytes.
    this.#options.send(
      Buffer.concat(flight.map(({ epoch, type, content }) => this.#records.write(epoch, type, content))),
    );
  }

  #end(error: Error): void {
    clearTimeout(this.#repeatTimer);
    this.#handshake = undefined;
    this.#settle.reject(error);
  }
}

/** What is known during a handshake and needed no longer. */
class Handshake {
  readonly random = randomBytes(32);
  readonly ecdh: ECDH = createECDH('prime256v1');
  certificate: X509Certificate | undefined;
  #server: ServerHello | undefined;
  #serverKey: Buffer | undefined;
  #master: Buffer | undefined;
  #messages: Buffer[] = [];
  #sequence = 0;

  constructor() {
    this.ecdh.generateKeys();
  }

  set server(hello: ServerHello) {
    this.#server = hello;
  }

  get master(): Buffer {
    return this.#master ?? missing();
  }

  /** All messages of both ends so far. */
  get transcript(): Buffer {
    return Buffer.concat(this.#messages);
  }

  /** Begins again, as the answer to a HelloVerifyRequest does. */
  forget(): void {
    this.#messages = [];
  }

  note(message: HandshakeMessage): void {
    this.#messages.push(encodeMessage(message));
  }

  write(type: number, body: Buffer): OutgoingRecord {
    const message = { type, sequence: this.#sequence++, body };
    this.note(message);
    return { epoch: 0, type: contentType.handshake, content: encodeMessage(message) };
  }

  /** @throws Error when it is not signed by the certificate */
  takeServerKey(body: Buffer): void {
    const { publicKey, parameters, signature } = decodeServerKeyExchange(body);
    const server = this.#server ?? missing();
    const certificate = this.certificate ?? missing();
    const signed = Buffer.concat([this.random, server.random, parameters]);
    if (!verify('sha256', signed, certificate.publicKey, signature)) throw new Error('The key is not signed');
    this.#serverKey = publicKey;
  }

  /** RFC 7627 where the server can, else RFC 5246, section 8.1. */
  deriveMaster(): { random: Buffer; server: ServerHello } {
    const server = this.#server ?? missing();
    const secret = this.ecdh.computeSecret(this.#serverKey ?? missing());
    this.#master = server.extendedMasterSecret
      ? prf(secret, 'extended master secret', sha256(this.transcript), 48)
      : prf(secret, 'master secret', Buffer.concat([this.random, server.random]), 48);
    return { random: this.random, server };
  }

  verifyData(label: 'client finished' | 'server finished'): Buffer {
    return prf(this.master, label, sha256(this.transcript), 12);
  }

  /** The client's master key (RFC 5764, section 4.2). @throws Error when the server chose no profile of ours */
  exportSrtpKey(): SrtpMasterKey {
    const server = this.#server ?? missing();
    const profile = srtpProfiles.find(({ id }) => id === server.srtpProfile);
    if (!profile) throw new Error('The server chose no SRTP protection profile that was offered');
    const { keyLength } = profile;
    const seed = Buffer.concat([this.random, server.random]);
    const material = prf(this.master, 'EXTRACTOR-dtls_srtp', seed, 2 * (keyLength + srtpSaltLength));
    return {
      key: material.subarray(0, keyLength),
      salt: material.subarray(2 * keyLength, 2 * keyLength + srtpSaltLength),
    };
  }
}

function missing(): never {
  throw new Error('The server left out a step of the handshake');
}
