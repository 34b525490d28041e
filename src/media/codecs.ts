import type { AudioLevelObserverOptions, RouterRtpCodecCapability } from 'mediasoup/types';

/** The media settings of the product, as its technical documentation fixes them unless a comment says otherwise. */

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

/** Bits a second that a send transport may bring in. */
export const maxIncomingBitrate = 128_000;

/** Bits a second that a receive transport starts from, before its bandwidth has been estimated. */
export const initialAvailableOutgoingBitrate = 64_000;

export const audioLevelSettings = {
  /** ms between two level reports: mediasoup's floor; the 200 ms of the documentation is not possible. */
  interval: 250,
  /** dBov below which somebody counts as silent. */
  threshold: -50,
  /** The most seats a room can have. */
  maxEntries: 30,
} as const satisfies AudioLevelObserverOptions;
