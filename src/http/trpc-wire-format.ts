import { getErrorShape, getTRPCErrorFromUnknown, transformTRPCResponse } from '@trpc/server';
import { appRouter } from '../routers/index.ts';
import type { WireFormat } from '../services/wire-format.ts';

/**
 * The messages that tRPC's WebSocket adapter would send for `tracked()` events and for plain values, with superjson as
 * transformer, as ready WebSocket frames. test/contract/trpc-seam.test.ts holds this against tRPC itself.
 *
 * Events are plain JSON, so superjson adds no `meta`.
 */
export const trpcWireFormat: WireFormat = {
  events: (requestId, entries) =>
    textFrames(
      entries.map(
        ({ id, json }) =>
          `{"id":${requestId},"result":{"type":"data","data":{"json":{"id":"${id}","data":${json}}},"id":"${id}"}}`,
      ),
    ),
  activity: (requestId, activity) =>
    textFrames([`{"id":${requestId},"result":{"type":"data","data":{"json":${JSON.stringify(activity)}}}}`]),
};

/**
 * The message that tells a client why its subscription is over; `stopped` follows it.
 *
 * @param requestId - the client's id of the subscription, as JSON text
 */
export function encodeFailure(requestId: string, path: string, cause: unknown): string {
  const config = appRouter._def._config;
  const error = getErrorShape({
    config,
    error: getTRPCErrorFromUnknown(cause),
    type: 'subscription',
    path,
    input: undefined,
    ctx: undefined,
  });
  return JSON.stringify(transformTRPCResponse(config, { id: JSON.parse(requestId) as string | number, error }));
}

/** The message that ends a subscription. */
export const encodeStopped = (requestId: string): string => `{"id":${requestId},"result":{"type":"stopped"}}`;

/** FIN and opcode 1 (RFC 6455, section 5.2). */
const finalTextFrame = 0x81;

/** Unmasked text frames, as servers send them, one a text, in one piece. */
function textFrames(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const frames = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerLength(length) + length, 0));
  let offset = 0;
  for (const [index, text] of texts.entries()) {
    offset = writeHeader(frames, offset, lengths[index] ?? 0);
    offset += frames.write(text, offset);
  }
  return frames;
}

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** @returns the offset after the header */
function writeHeader(frames: Buffer, offset: number, length: number): number {
  frames[offset] = finalTextFrame;
  switch (headerLength(length)) {
    case 2:
      frames[offset + 1] = length;
      return offset + 2;
    case 4:
      frames[offset + 1] = 126;
      return frames.writeUInt16BE(length, offset + 2);
    default:
      frames[offset + 1] = 127;
      return frames.writeBigUInt64BE(BigInt(length), offset + 2);
  }
}
