import { getErrorShape, getTRPCErrorFromUnknown, transformTRPCResponse } from '@trpc/server';
import { appRouter } from '../routers/index.ts';
import type { EncodedMessages, WireFormat } from '../services/wire-format.ts';

/**
 * The messages that tRPC's WebSocket adapter would send for `tracked()` events and for plain values, with superjson as
 * transformer, as ready WebSocket frames. test/contract/trpc-seam.test.ts holds this against tRPC itself.
 *
 * Events are plain JSON, so superjson adds no `meta`.
 */
export const trpcWireFormat: WireFormat = {
  events: (entries) =>
    new TextFrames(
      entries.map(({ id, json }) => [
        `,"result":{"type":"data","data":{"json":{"id":"${id}","data":`,
        json,
        `}},"id":"${id}"}}`,
      ]),
    ),
  activity: (activity) => new TextFrames([[`,"result":{"type":"data","data":{"json":${JSON.stringify(activity)}}}}`]]),
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

/** Request ids whose messages are kept for the next one that asks. Rare ids cost a copy each, and hold no memory. */
const mostShared = 8;

/**
 * Unmasked text frames, as servers send them, one a message. All but the request id, which comes first, is encoded once;
 * another id costs a copy.
 */
class TextFrames implements EncodedMessages {
  /** The messages from after their request ids on, one after the other. */
  readonly #rests: Buffer;
  /** Where each of them ends. */
  readonly #ends: number[] = [];
  readonly #made = new Map<string, Buffer>();

  /** @param rests - in pieces, which are written where they belong: joined they would be garbage of the same size again */
  constructor(rests: readonly (readonly string[])[]) {
    let end = 0;
    for (const pieces of rests) {
      for (const piece of pieces) end += Buffer.byteLength(piece);
      this.#ends.push(end);
    }
    this.#rests = Buffer.allocUnsafe(end);
    let offset = 0;
    for (const pieces of rests) for (const piece of pieces) offset += this.#rests.write(piece, offset);
  }

  for(requestId: string): Buffer {
    const known = this.#made.get(requestId);
    if (known !== undefined) return known;
    const frames = this.#make(`{"id":${requestId}`);
    if (this.#made.size < mostShared) this.#made.set(requestId, frames);
    return frames;
  }

  #make(start: string): Buffer {
    const startLength = Buffer.byteLength(start);
    let size = 0;
    let from = 0;
    for (const end of this.#ends) {
      const length = startLength + end - from;
      size += headerLength(length) + length;
      from = end;
    }
    const frames = Buffer.allocUnsafe(size);
    let offset = 0;
    from = 0;
    for (const end of this.#ends) {
      offset = writeHeader(frames, offset, startLength + end - from);
      offset += frames.write(start, offset);
      offset += this.#rests.copy(frames, offset, from, end);
      from = end;
    }
    return frames;
  }
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
