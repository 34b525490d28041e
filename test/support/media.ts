import { randomInt, randomUUID } from 'node:crypto';
import type { DtlsParameters, RtpCapabilities, RtpParameters } from 'mediasoup/types';
import { pino } from 'pino';
import { roomIdSchema, type SessionId, sessionIdSchema, type UserId, userIdSchema } from '../../src/core/ids.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../src/media/worker-pool.ts';

/** Pieces that media tests share: a pool on the loopback, ids, and real RTP. */

export const silentLogger = pino({ level: 'silent' });

/** Workers on free loopback ports. */
export function createPool(size: number, options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  return WorkerPool.create({
    size,
    webRtcServer: { addresses: [{ listenIp: '127.0.0.1' }], basePort: 0 },
    logLevel: 'error',
    logger: silentLogger,
    // Routers spread over the workers however little they have to do.
    nearness: 0,
    ...options,
  } as WorkerPoolOptions);
}

export const roomId = (value = randomUUID() as string) => roomIdSchema.parse(value);
export const userId = (value: number): UserId => userIdSchema.parse(value);
export const sessionId = (): SessionId => sessionIdSchema.parse(randomUUID());

/** The SHA-256 fingerprint of a certificate that nobody has; enough to connect a transport that carries nothing. */
export const dtlsParameters = (): DtlsParameters => ({
  role: 'client',
  fingerprints: [{ algorithm: 'sha-256', value: Array.from({ length: 32 }, () => hexPair(randomInt(256))).join(':') }],
});

const audioLevelUri = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';
const opus = { mimeType: 'audio/opus', clockRate: 48_000, channels: 2 } as const;

/** What a browser sends along when it produces Opus. */
export const rtpParameters = (ssrc = randomInt(1, 2 ** 31), mid?: string): RtpParameters => ({
  ...(mid !== undefined && { mid }),
  codecs: [{ ...opus, payloadType: 111, parameters: { useinbandfec: 1, minptime: 10 }, rtcpFeedback: [] }],
  headerExtensions: [{ uri: audioLevelUri, id: 1 }],
  encodings: [{ ssrc, dtx: false }],
  rtcp: { cname: 'speaker' },
});

/** A device that plays Opus. */
export const opusCapabilities: RtpCapabilities = {
  codecs: [{ ...opus, kind: 'audio', preferredPayloadType: 100, parameters: {}, rtcpFeedback: [] }],
  headerExtensions: [{ kind: 'audio', uri: audioLevelUri, preferredId: 10 }],
};

/** A device that plays no codec of ours. */
export const foreignCapabilities: RtpCapabilities = {
  codecs: [{ kind: 'audio', mimeType: 'audio/PCMU', clockRate: 8_000, channels: 1, preferredPayloadType: 0 }],
};

/**
 * One RTP packet of {@link rtpParameters}: version 2, a one-byte header extension with the audio level, a payload.
 *
 * @param level - -dBov, 0 (loudest) to 127 (silence)
 */
export function rtpPacket(packet: { ssrc: number; sequence: number; level: number; payload: Buffer }): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0b1001_0000, 0); // version 2, extension
  header.writeUInt8(111, 1);
  header.writeUInt16BE(packet.sequence & 0xff_ff, 2);
  header.writeUInt32BE((packet.sequence * 960) >>> 0, 4); // 20 ms at 48 kHz
  header.writeUInt32BE(packet.ssrc, 8);
  header.writeUInt16BE(0xbe_de, 12);
  header.writeUInt16BE(1, 14); // one word of extensions
  header.writeUInt8(1 << 4, 16); // id 1, one byte
  header.writeUInt8(0x80 | packet.level, 17); // voice activity
  return Buffer.concat([header, packet.payload]);
}

/** The payload of a packet as {@link rtpPacket} makes it or as mediasoup sends it on. */
export function rtpPayload(packet: Buffer): Buffer {
  const csrcs = packet.readUInt8(0) & 0x0f;
  let offset = 12 + csrcs * 4;
  if (packet.readUInt8(0) & 0x10) offset += 4 + packet.readUInt16BE(offset + 2) * 4;
  return packet.subarray(offset);
}

function hexPair(value: number): string {
  return value.toString(16).padStart(2, '0').toUpperCase();
}
