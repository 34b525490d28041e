import { ByteReader, uint, vector } from './bytes.ts';

/** The handshake messages of DTLS 1.2 that a WebRTC client sends and receives. */

export interface HandshakeMessage {
  readonly type: number;
  /** Its place in the handshake, counted by its sender. */
  readonly sequence: number;
  readonly body: Buffer;
}

export interface ServerHello {
  readonly random: Buffer;
  /** The chosen SRTP protection profile, or null when the server chose none. */
  readonly srtpProfile: number | null;
  readonly extendedMasterSecret: boolean;
}

export interface ServerKeyExchange {
  /** An uncompressed point on P-256. */
  readonly publicKey: Buffer;
  /** What the signature covers, after the two randoms. */
  readonly parameters: Buffer;
  /** ECDSA with SHA-256. */
  readonly signature: Buffer;
}

export const handshakeType = {
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
};

const dtls12 = uint(0xfe_fd, 2);
/** TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 */
const cipherSuite = 0xc0_2b;
const secp256r1 = 23;
const ecdsaSecp256r1Sha256 = 0x04_03;
const namedCurve = 3;
const extension = {
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  renegotiationInfo: 0xff_01,
};
const fragmentHeaderSize = 12;
/** Certificates of WebRTC are a few hundred bytes. */
const maxMessageSize = 16_384;

/** A message in one fragment, as it is sent, and as all are hashed whatever fragments they came in. */
export function encodeMessage({ type, sequence, body }: HandshakeMessage): Buffer {
  return Buffer.concat([uint(type, 1), uint(body.length, 3), uint(sequence, 2), uint(0, 3), vector(3, body)]);
}

/** @param srtpProfiles - protection profiles of RFC 5764 and 7714, the preferred one first */
export function encodeClientHello(random: Buffer, cookie: Buffer, srtpProfiles: readonly number[]): Buffer {
  const extensions = [
    encodeExtension(extension.supportedGroups, vector(2, uint(secp256r1, 2))),
    encodeExtension(extension.pointFormats, vector(1, uint(0, 1))),
    encodeExtension(extension.signatureAlgorithms, vector(2, uint(ecdsaSecp256r1Sha256, 2))),
    encodeExtension(extension.useSrtp, vector(2, ...srtpProfiles.map((profile) => uint(profile, 2))), vector(1)),
    encodeExtension(extension.extendedMasterSecret),
    encodeExtension(extension.renegotiationInfo, vector(1)),
  ];
  return Buffer.concat([
    dtls12,
    random,
    // No session to resume.
    vector(1),
    vector(1, cookie),
    vector(2, uint(cipherSuite, 2)),
    // No compression.
    vector(1, uint(0, 1)),
    vector(2, ...extensions),
  ]);
}

export function encodeCertificate(der: Buffer): Buffer {
  return vector(3, vector(3, der));
}

export function encodeCertificateVerify(signature: Buffer): Buffer {
  return Buffer.concat([uint(ecdsaSecp256r1Sha256, 2), vector(2, signature)]);
}

/** @throws Error when the server chose what was not offered */
export function decodeServerHello(body: Buffer): ServerHello {
  const reader = new ByteReader(body);
  reader.bytes(2);
  const random = Buffer.from(reader.bytes(32));
  reader.vector(1);
  if (reader.uint(2) !== cipherSuite) throw new Error('The server chose a cipher suite that was not offered');
  reader.uint(1);
  const extensions = new ByteReader(reader.left > 0 ? reader.vector(2) : Buffer.alloc(0));
  let srtpProfile: number | null = null;
  let extendedMasterSecret = false;
  while (extensions.left > 0) {
    const code = extensions.uint(2);
    const content = new ByteReader(extensions.vector(2));
    if (code === extension.useSrtp) srtpProfile = new ByteReader(content.vector(2)).uint(2);
    if (code === extension.extendedMasterSecret) extendedMasterSecret = true;
  }
  return { random, srtpProfile, extendedMasterSecret };
}

/** The cookie of a HelloVerifyRequest. */
export function decodeCookie(body: Buffer): Buffer {
  const reader = new ByteReader(body);
  reader.bytes(2);
  return Buffer.from(reader.vector(1));
}

/** The first certificate of a list, in DER. */
export function decodeCertificate(body: Buffer): Buffer {
  return Buffer.from(new ByteReader(new ByteReader(body).vector(3)).vector(3));
}

/** @throws Error when the key is not on P-256 or not signed with ECDSA and SHA-256 */
export function decodeServerKeyExchange(body: Buffer): ServerKeyExchange {
  const reader = new ByteReader(body);
  if (reader.uint(1) !== namedCurve || reader.uint(2) !== secp256r1) throw new Error('The key is not on P-256');
  const publicKey = reader.vector(1);
  const parameters = body.subarray(0, body.length - reader.left);
  if (reader.uint(2) !== ecdsaSecp256r1Sha256) throw new Error('The key is not signed with ECDSA and SHA-256');
  return { publicKey, parameters, signature: reader.vector(2) };
}

/** Puts messages together again from fragments that come in any order and more than once. */
export class HandshakeReassembler {
  readonly #partial = new Map<number, { type: number; body: Buffer; missing: Set<number> }>();
  #next = 0;

  /**
   * @param fragments - the content of one record
   * @returns the messages that are whole now, in the order of their sequence
   */
  add(fragments: Buffer): HandshakeMessage[] {
    const reader = new ByteReader(fragments);
    while (reader.left >= fragmentHeaderSize) {
      const type = reader.uint(1);
      const length = reader.uint(3);
      const sequence = reader.uint(2);
      const offset = reader.uint(3);
      const part = reader.vector(3);
      if (sequence < this.#next || length > maxMessageSize || offset + part.length > length) continue;
      this.#place(type, sequence, length, offset, part);
    }
    return this.#takeWhole();
  }

  #place(type: number, sequence: number, length: number, offset: number, part: Buffer): void {
    let message = this.#partial.get(sequence);
    if (!message) {
      message = { type, body: Buffer.alloc(length), missing: new Set(Array.from({ length }, (_, index) => index)) };
      this.#partial.set(sequence, message);
    }
    if (message.body.length !== length) return;
    part.copy(message.body, offset);
    for (let index = offset; index < offset + part.length; index += 1) message.missing.delete(index);
  }

  #takeWhole(): HandshakeMessage[] {
    const whole: HandshakeMessage[] = [];
    for (let message = this.#partial.get(this.#next); message?.missing.size === 0;) {
      this.#partial.delete(this.#next);
      whole.push({ type: message.type, sequence: this.#next, body: message.body });
      this.#next += 1;
      message = this.#partial.get(this.#next);
    }
    return whole;
  }
}

function encodeExtension(code: number, ...content: readonly Buffer[]): Buffer {
  return Buffer.concat([uint(code, 2), vector(2, ...content)]);
}
