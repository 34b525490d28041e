import { createHash, createHmac } from 'node:crypto';

/** TLS 1.2's pseudo-random function with SHA-256 (RFC 5246, section 5). */
export function prf(secret: Buffer, label: string, seed: Buffer, length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const blocks: Buffer[] = [];
  let a = labelled;
  for (let size = 0; size < length; size += 32) {
    a = createHmac('sha256', secret).update(a).digest();
    blocks.push(createHmac('sha256', secret).update(a).update(labelled).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

export function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Keys of one direction of TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5288, section 3). */
export interface RecordKey {
  readonly key: Buffer;
  /** The fixed four bytes of each nonce. */
  readonly salt: Buffer;
}

export interface ConnectionKeys {
  readonly client: RecordKey;
  readonly server: RecordKey;
}

/** The key block of a connection (RFC 5246, section 6.3). */
export function deriveConnectionKeys(master: Buffer, clientRandom: Buffer, serverRandom: Buffer): ConnectionKeys {
  const block = prf(master, 'key expansion', Buffer.concat([serverRandom, clientRandom]), 40);
  return {
    client: { key: block.subarray(0, 16), salt: block.subarray(32, 36) },
    server: { key: block.subarray(16, 32), salt: block.subarray(36, 40) },
  };
}
