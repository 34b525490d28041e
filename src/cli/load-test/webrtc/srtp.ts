import { createCipheriv } from 'node:crypto';

/** SRTP with AES-GCM (RFC 7714), the sender's side; its profiles are what browsers and mediasoup agree on. */

/** How a connection's media is protected. */
export interface SrtpProfile {
  /** The number of the DTLS-SRTP protection profile. */
  readonly id: number;
  /** Bytes. */
  readonly keyLength: 16 | 32;
}

export interface SrtpMasterKey {
  readonly key: Buffer;
  /** 12 bytes. */
  readonly salt: Buffer;
}

/** By preference: SRTP_AEAD_AES_256_GCM, which Chromium and mediasoup choose, and SRTP_AEAD_AES_128_GCM. */
export const srtpProfiles: readonly SrtpProfile[] = [
  { id: 0x0008, keyLength: 32 },
  { id: 0x0007, keyLength: 16 },
];
export const srtpSaltLength = 12;

const rtpHeaderSize = 12;
/** Labels of the key derivation (RFC 3711, section 4.3.2). */
const label = { encryption: 0, salt: 2 };

/** Encrypts the RTP packets of one stream, in the order in which they are sent. */
export class SrtpSender {
  readonly #cipher: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #key: Buffer;
  readonly #salt: Buffer;
  #rollovers = 0;
  #lastSequence = 0;

  constructor(master: SrtpMasterKey) {
    this.#cipher = master.key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
    this.#key = derive(master, label.encryption, master.key.length);
    this.#salt = derive(master, label.salt, srtpSaltLength);
  }

  /**
   * @param packet - a whole RTP packet
   * @param headerLength - bytes before its payload, contributing sources and extensions included
   */
  protect(packet: Buffer, headerLength: number): Buffer {
    if (headerLength < rtpHeaderSize || headerLength > packet.length) throw new RangeError('There is no such header');
    const sequence = packet.readUInt16BE(2);
    if (sequence < this.#lastSequence) this.#rollovers += 1;
    this.#lastSequence = sequence;

    // Two zero bytes, the SSRC, the roll-over counter and the sequence number, each xor its part of the salt.
    const nonce = Buffer.alloc(12);
    packet.copy(nonce, 2, 8, 12);
    nonce.writeUInt32BE(this.#rollovers, 6);
    nonce.writeUInt16BE(sequence, 10);
    for (let index = 0; index < nonce.length; index += 1) nonce[index] = (nonce[index] ?? 0) ^ (this.#salt[index] ?? 0);

    const header = packet.subarray(0, headerLength);
    const cipher = createCipheriv(this.#cipher, this.#key, nonce);
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(packet.subarray(headerLength)), cipher.final(), cipher.getAuthTag()]);
  }
}

/** A session key (RFC 3711, section 4.3.3; RFC 6188 for 256 bits): AES in counter mode over nothing. */
function derive({ key, salt }: SrtpMasterKey, use: number, length: number): Buffer {
  const counter = Buffer.alloc(16);
  salt.copy(counter);
  // The label stands seven bytes before the end of a salt of 14 bytes; this one is filled up with zeros.
  counter[7] = (counter[7] ?? 0) ^ use;
  return createCipheriv(key.length === 16 ? 'aes-128-ctr' : 'aes-256-ctr', key, counter).update(Buffer.alloc(length));
}
