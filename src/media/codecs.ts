import type { RouterRtpCodecCapability } from 'mediasoup/types';

/** The media settings of the product, as its specification fixes them unless a comment says otherwise. */

/** Opus alone: 48 kHz, stereo, in-band FEC for lost packets, no DTX, packets from 10 ms. */
export const mediaCodecs: readonly RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48_000,
    channels: 2,
    parameters: { useinbandfec: 1, usedtx: 0, minptime: 10 },
  },
];

/** The RTP header extension that carries a packet's loudness (RFC 6464). */
export const audioLevelUri = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';

/** Bits a second that a send transport may bring in. */
export const maxIncomingBitrate = 128_000;

/** Bits a second that a receive transport starts from, before its bandwidth has been estimated. */
export const initialAvailableOutgoingBitrate = 64_000;

/** How loudness is measured; ms and dBov. See LevelMeter. */
export const levelSettings = {
  /** mediasoup's floor of the time between two reports; the 200 ms of the documentation is not possible. */
  minInterval: 250,
  /** Packets that a report is made from; mediasoup reports nobody with fewer than 10. */
  packets: 12.5,
  /** For clients whose packets are longer than expected, up to 80 ms. */
  slowInterval: 1_000,
  /** mediasoup's floor. */
  onsetInterval: 100,
  /** The least level that is reported; low, since a beginning is averaged with the silence before it. */
  threshold: -70,
  /** From here up somebody counts as audible. */
  audible: -50,
  /** The most seats a room can have, twice: a microphone and music. */
  maxEntries: 60,
} as const;
