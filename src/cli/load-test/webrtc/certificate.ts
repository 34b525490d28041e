import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

/** A self-signed certificate as browsers make them for WebRTC: ECDSA on P-256, known by its fingerprint. */
export interface DtlsCertificate {
  readonly der: Buffer;
  readonly privateKey: KeyObject;
  /** SHA-256, in hexadecimal pairs with colons. */
  readonly fingerprint: string;
}

/** Tags of ASN.1's distinguished encoding (X.690). */
const tag = { integer: 0x02, bitString: 0x03, oid: 0x06, utf8: 0x0c, utcTime: 0x17, sequence: 0x30, set: 0x31 };
const version3 = Buffer.from('a003020102', 'hex');
/** 1.2.840.10045.4.3.2 */
const ecdsaWithSha256 = encode(tag.sequence, encode(tag.oid, Buffer.from('2a8648ce3d040302', 'hex')));
/** 2.5.4.3 */
const commonName = encode(tag.oid, Buffer.from('550403', 'hex'));

/** Makes a key and a certificate that is valid for 30 days. */
export function createCertificate(name: string): DtlsCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = encode(
    tag.sequence,
    encode(tag.set, encode(tag.sequence, commonName, encode(tag.utf8, Buffer.from(name)))),
  );
  const day = 86_400_000;
  const validity = encode(tag.sequence, utcTime(Date.now() - day), utcTime(Date.now() + 30 * day));
  const serial = randomBytes(8);
  // Positive, and not zero at its front, as the encoding asks.
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  const body = encode(
    tag.sequence,
    version3,
    encode(tag.integer, serial),
    ecdsaWithSha256,
    subject,
    validity,
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = encode(tag.bitString, Buffer.from([0]), sign('sha256', body, privateKey));
  const der = encode(tag.sequence, body, ecdsaWithSha256, signature);
  return { der, privateKey, fingerprint: new X509Certificate(der).fingerprint256 };
}

function encode(type: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const prefix = length < 0x80 ? [type, length] : [type, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(prefix), body]);
}

/** YYMMDDHHMMSSZ */
function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14);
  return encode(tag.utcTime, Buffer.from(`${digits}Z`));
}
