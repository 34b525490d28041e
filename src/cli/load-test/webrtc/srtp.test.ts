import { describe, expect, it } from 'vitest';
import { SrtpSender } from './srtp.ts';

/** The packet of RFC 7714, section 16. */
const header = Buffer.from('8040f17b8041f8d35501a0b2', 'hex');
const payload = Buffer.from('Gallia est omnis divisa in partes tres');

describe('SrtpSender', () => {
  it.each([16, 32] as const)(
    'keeps the header in the clear and adds a tag of 16 bytes, with a key of %i',
    (keyLength) => {
      const sender = new SrtpSender({ key: Buffer.alloc(keyLength, 1), salt: Buffer.alloc(12, 2) });
      const packet = sender.protect(Buffer.concat([header, payload]), header.length);
      expect(packet.subarray(0, 12)).toEqual(header);
      expect(packet.length).toBe(12 + payload.length + 16);
      expect(packet.includes(payload)).toBe(false);
    },
  );

  it('refuses a header that cannot be', () => {
    const sender = new SrtpSender({ key: Buffer.alloc(16), salt: Buffer.alloc(12) });
    expect(() => sender.protect(header, 11)).toThrow(RangeError);
    expect(() => sender.protect(header, 13)).toThrow(RangeError);
  });
});
