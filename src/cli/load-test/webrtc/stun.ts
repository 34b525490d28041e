import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { uint } from './bytes.ts';

/** The part of STUN (RFC 8489) and ICE (RFC 8445) that a controlling agent needs with an ICE-lite server. */

/** A connectivity check that nominates its path. */
export interface BindingRequest {
  /** 12 bytes. */
  readonly transactionId: Buffer;
  /** Remote and local ICE user name fragment, with a colon between. */
  readonly username: string;
  /** The remote end's ICE password. */
  readonly password: string;
  /** 8 bytes, the same in all checks of an agent. */
  readonly tieBreaker: Buffer;
}

const magicCookie = Buffer.from('2112a442', 'hex');
const headerSize = 20;
const integritySize = 24;
const fingerprintSize = 8;
/** A peer-reflexive candidate of the first component: 110 * 2^24 + 65535 * 2^8 + 255 (RFC 8445, section 5.1.2.1). */
const priority = 0x6e_ff_ff_ff;
const type = { bindingRequest: 0x0001, bindingSuccess: 0x0101 };
const attribute = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlling: 0x802a,
};

export function encodeBindingRequest({ transactionId, username, password, tieBreaker }: BindingRequest): Buffer {
  const attributes = [
    encodeAttribute(attribute.username, Buffer.from(username)),
    encodeAttribute(attribute.iceControlling, tieBreaker),
    encodeAttribute(attribute.priority, uint(priority, 4)),
    encodeAttribute(attribute.useCandidate, Buffer.alloc(0)),
  ];
  const message = Buffer.concat([uint(type.bindingRequest, 2), uint(0, 2), magicCookie, transactionId, ...attributes]);
  // Each of the two closing attributes covers a header whose length counts that attribute already.
  message.writeUInt16BE(message.length - headerSize + integritySize, 2);
  const integrity = createHmac('sha1', password).update(message).digest();
  const signed = Buffer.concat([message, encodeAttribute(attribute.messageIntegrity, integrity)]);
  signed.writeUInt16BE(signed.length - headerSize + fingerprintSize, 2);
  const checksum = (crc32(signed) ^ 0x53_54_55_4e) >>> 0;
  return Buffer.concat([signed, encodeAttribute(attribute.fingerprint, uint(checksum, 4))]);
}

/** Whether a message is the success response to a request, from somebody who knows the password. */
export function isBindingSuccess(message: Buffer, transactionId: Buffer, password: string): boolean {
  if (message.length < headerSize || message.readUInt16BE(0) !== type.bindingSuccess) return false;
  if (!message.subarray(8, headerSize).equals(transactionId)) return false;
  const at = findAttribute(message, attribute.messageIntegrity);
  if (at === null || at + integritySize > message.length) return false;
  const covered = Buffer.from(message.subarray(0, at));
  covered.writeUInt16BE(at - headerSize + integritySize, 2);
  const expected = createHmac('sha1', password).update(covered).digest();
  return timingSafeEqual(expected, message.subarray(at + 4, at + integritySize));
}

/** Type, length and value, padded to four bytes. */
function encodeAttribute(code: number, value: Buffer): Buffer {
  const padding = Buffer.alloc((4 - (value.length % 4)) % 4);
  return Buffer.concat([uint(code, 2), uint(value.length, 2), value, padding]);
}

function findAttribute(message: Buffer, code: number): number | null {
  for (let at = headerSize; at + 4 <= message.length; at += 4 + Math.ceil(message.readUInt16BE(at + 2) / 4) * 4) {
    if (message.readUInt16BE(at) === code) return at;
  }
  return null;
}
