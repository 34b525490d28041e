import type { WireFormat } from '../services/wire-format.ts';

/**
 * The messages that tRPC's WebSocket adapter would send for `tracked()` events and for plain values, with superjson as
 * transformer, as ready WebSocket frames. test/contract/trpc-seam.test.ts holds this against tRPC itself.
 *
 * Events are plain JSON, so superjson adds no `meta`.
 */
export const trpcWireFormat: WireFormat = {
  events: (requestId, entries) => {
    const frames = entries.map(({ id, json }) =>
      textFrame(
        `{"id":${requestId},"result":{"type":"data","data":{"json":{"id":"${id}","data":${json}}},"id":"${id}"}}`,
      ),
    );
    return frames.length === 1 && frames[0] !== undefined ? frames[0] : Buffer.concat(frames);
  },
  activity: (requestId, activity) =>
    textFrame(`{"id":${requestId},"result":{"type":"data","data":{"json":${JSON.stringify(activity)}}}}`),
};

/** FIN and opcode 1 (RFC 6455, section 5.2). */
const finalTextFrame = 0x81;

/** One unmasked text frame, as servers send it. */
function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerLength + length);
  frame[0] = finalTextFrame;
  if (headerLength === 2) {
    frame[1] = length;
  } else if (headerLength === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, headerLength);
  return frame;
}
