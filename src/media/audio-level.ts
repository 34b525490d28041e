/** Profiles of header extensions (RFC 8285): elements with one byte before the data, or two. */
const oneByteProfile = 0xbede;
const twoByteProfile = 0x1000;

/**
 * Reads how loud an RTP packet says that it is (RFC 6464).
 *
 * @param packet - a whole RTP packet
 * @param id - of the header extension, as the stream's parameters have it
 * @returns dBov, -127 (silence) to 0 (loudest); null when the packet does not say
 */
export function readAudioLevel(packet: Buffer, id: number): number | null {
  if (packet.length < 12) return null;
  const first = packet.readUInt8(0);
  if ((first & 0x10) === 0) return null;
  const start = 12 + (first & 0x0f) * 4;
  if (packet.length < start + 4) return null;
  const profile = packet.readUInt16BE(start);
  const end = Math.min(packet.length, start + 4 + packet.readUInt16BE(start + 2) * 4);
  const headerLength = profile === oneByteProfile ? 1 : 2;
  if (headerLength === 2 && (profile & 0xfff0) !== twoByteProfile) return null;
  for (let offset = start + 4; offset + headerLength < end;) {
    const header = packet.readUInt8(offset);
    // Padding.
    if (header === 0) {
      offset += 1;
      continue;
    }
    const elementId = headerLength === 1 ? header >> 4 : header;
    const length = headerLength === 1 ? (header & 0x0f) + 1 : packet.readUInt8(offset + 1);
    if (elementId === id && length > 0) return -(packet.readUInt8(offset + headerLength) & 0x7f);
    offset += headerLength + length;
  }
  return null;
}
