import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ByteReader, uint, vector } from './bytes.ts';
import type { ConnectionKeys, RecordKey } from './key-schedule.ts';

export const contentType = { changeCipherSpec: 20, alert: 21, handshake: 22 };

export interface DtlsRecord {
  readonly type: number;
  readonly fragment: Buffer;
}

const dtls12 = 0xfe_fd;
const headerSize = 13;
const explicitNonceSize = 8;
const tagSize = 16;

/**
 * DTLS 1.2's record layer of a client (RFC 6347, section 4.1): in the clear in epoch 0, AES-128-GCM in epoch 1. There is
 * no third one without renegotiation.
 */
export class DtlsRecords {
  #keys: ConnectionKeys | undefined;
  /** The next number of each epoch. */
  readonly #numbers = { 0: 0, 1: 0 };

  /** Keys for what comes and goes in epoch 1. */
  setKeys(keys: ConnectionKeys): void {
    this.#keys = keys;
  }

  /** A record; a repeated one gets a number of its own. */
  write(epoch: 0 | 1, type: number, content: Buffer): Buffer {
    const number = Buffer.concat([uint(epoch, 2), uint(this.#numbers[epoch]++, 6)]);
    const fragment = epoch === 0 ? content : this.#seal(type, number, content);
    return Buffer.concat([uint(type, 1), uint(dtls12, 2), number, vector(2, fragment)]);
  }

  /** The readable records of a datagram. Those that are garbled, forged or of an unknown epoch are left out. */
  read(datagram: Buffer): DtlsRecord[] {
    const records: DtlsRecord[] = [];
    const reader = new ByteReader(datagram);
    while (reader.left >= headerSize) {
      const type = reader.uint(1);
      reader.uint(2);
      const number = reader.bytes(8);
      const length = reader.uint(2);
      if (length > reader.left) break;
      const content = reader.bytes(length);
      const epoch = number.readUInt16BE(0);
      const fragment = epoch === 0 ? content : epoch === 1 ? this.#open(type, number, content) : null;
      if (fragment !== null) records.push({ type, fragment });
    }
    return records;
  }

  #seal(type: number, number: Buffer, content: Buffer): Buffer {
    if (!this.#keys) throw new Error('There are no keys yet');
    const { key, salt } = this.#keys.client;
    const cipher = createCipheriv('aes-128-gcm', key, Buffer.concat([salt, number]));
    cipher.setAAD(additionalData(type, number, content.length));
    return Buffer.concat([number, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  }

  #open(type: number, number: Buffer, content: Buffer): Buffer | null {
    if (!this.#keys || content.length < explicitNonceSize + tagSize) return null;
    return openWith(this.#keys.server, type, number, content);
  }
}

function openWith({ key, salt }: RecordKey, type: number, number: Buffer, content: Buffer): Buffer | null {
  const nonce = Buffer.concat([salt, content.subarray(0, explicitNonceSize)]);
  const sealed = content.subarray(explicitNonceSize, -tagSize);
  const decipher = createDecipheriv('aes-128-gcm', key, nonce);
  decipher.setAAD(additionalData(type, number, sealed.length));
  decipher.setAuthTag(content.subarray(-tagSize));
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return null;
  }
}

function additionalData(type: number, number: Buffer, length: number): Buffer {
  return Buffer.concat([number, uint(type, 1), uint(dtls12, 2), uint(length, 2)]);
}
