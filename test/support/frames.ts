/** A WebSocket frame (RFC 6455, section 5.2). */
export interface Frame {
  readonly final: boolean;
  readonly opcode: number;
  readonly masked: boolean;
  /** Whether the length is written in the shortest of its three forms, as the standard demands. */
  readonly shortest: boolean;
  readonly text: string;
}

/**
 * Takes frames apart, by the standard and not by the code that made them.
 *
 * @throws Error when bytes are left over or missing
 */
export function readFrames(bytes: Uint8Array): Frame[] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Frame[] = [];
  let offset = 0;
  while (offset < data.length) {
    const first = data.readUInt8(offset);
    const second = data.readUInt8(offset + 1);
    offset += 2;
    let length = second & 0x7f;
    let shortest = true;
    if (length === 126) {
      length = data.readUInt16BE(offset);
      shortest = length > 125;
      offset += 2;
    } else if (length === 127) {
      length = Number(data.readBigUInt64BE(offset));
      shortest = length > 0xff_ff;
      offset += 8;
    }
    const masked = (second & 0x80) !== 0;
    if (offset + length > data.length) throw new Error('A frame is cut short');
    const text = data.toString('utf8', offset, offset + length);
    frames.push({ final: (first & 0x80) !== 0, opcode: first & 0x0f, masked, shortest, text });
    offset += length;
  }
  return frames;
}
