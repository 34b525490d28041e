import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rtpPacket } from '../../test/support/media.ts';
import { readAudioLevel } from './audio-level.ts';

/** A packet with one CSRC and these header extensions. */
function packetWith(profile: number, elements: readonly number[]): Buffer {
  const padded = Math.ceil(elements.length / 4) * 4;
  const packet = Buffer.alloc(16 + 4 + padded + 3);
  packet.writeUInt8(0b1001_0001, 0);
  packet.writeUInt16BE(profile, 16);
  packet.writeUInt16BE(padded / 4, 18);
  Buffer.from(elements).copy(packet, 20);
  return packet;
}

describe('readAudioLevel', () => {
  it('reads what a packet says', () => {
    const packet = rtpPacket({ ssrc: 1, sequence: 1, level: 42, payload: Buffer.from('voice') });
    expect(readAudioLevel(packet, 1)).toBe(-42);
    expect(readAudioLevel(packet, 2)).toBeNull();
  });

  it('finds the extension among others, padding included, in both forms', () => {
    // id 3 of three bytes, padding, id 10 of one byte: voice activity and 30.
    expect(readAudioLevel(packetWith(0xbede, [0x32, 1, 2, 3, 0, 0xa0, 0x80 | 30]), 10)).toBe(-30);
    expect(readAudioLevel(packetWith(0x1000, [3, 2, 1, 2, 0, 10, 1, 30]), 10)).toBe(-30);
    expect(readAudioLevel(packetWith(0x1000, [10, 0, 3, 1, 9]), 10)).toBeNull();
  });

  it('finds nothing in packets without extensions or of an unknown profile', () => {
    const plain = Buffer.alloc(40);
    plain.writeUInt8(0x80, 0);
    expect(readAudioLevel(plain, 1)).toBeNull();
    expect(readAudioLevel(packetWith(0x1234, [0x10, 30]), 1)).toBeNull();
  });

  it('answers for anything, however it is cut off', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 15 }), (bytes, id) => {
        const packet = Buffer.from(bytes);
        if (packet.length > 20) packet.writeUInt16BE(0xbede, 12);
        const level = readAudioLevel(packet, id);
        expect(level === null || (level <= 0 && level >= -127)).toBe(true);
      }),
    );
  });
});
