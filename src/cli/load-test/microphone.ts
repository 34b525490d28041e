import { randomInt } from 'node:crypto';
import type { RtpParameters } from 'mediasoup/types';
import { type PacketTime, silentFrame, silentFrom, type Talk, voiceFrames } from './talk.ts';
import type { ClientTransport } from './webrtc/client-transport.ts';

const clockRate = 48_000;
const payloadType = 111;
/** As Chromium numbers them. */
const extensionId = { audioLevel: 1, absoluteSendTime: 2, transportSequence: 3, mid: 4 };
const mid = '0';
/** With DTX: how long silence is sent as it is, and how often from then on, ms, as Chromium's Opus does it. */
const silenceTime = { before: 200, between: 400 };
/** The fixed header, that of the extensions, and three words of them. */
const headerLength = 12 + 4 + 12;

/** What a browser says of the Opus that it sends. */
export function sendParameters(ssrc: number): RtpParameters {
  return {
    mid,
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType,
        clockRate,
        channels: 2,
        parameters: { minptime: 10, useinbandfec: 1 },
        rtcpFeedback: [{ type: 'transport-cc' }],
      },
    ],
    headerExtensions: [
      { uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: extensionId.audioLevel },
      { uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', id: extensionId.absoluteSendTime },
      {
        uri: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
        id: extensionId.transportSequence,
      },
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: extensionId.mid },
    ],
    encodings: [{ ssrc, dtx: false }],
    rtcp: { cname: `load-${ssrc}`, reducedSize: true },
  };
}

export function createSsrc(): number {
  return randomInt(1, 2 ** 32);
}

/** Where packets go. */
type RtpSink = Pick<ClientTransport, 'sendRtp'>;

/** How a speaker makes packets. */
export interface Encoding {
  readonly packetTime: PacketTime;
  /** Whether most packets of silence are left out. */
  readonly dtx: boolean;
}

/** Sends recorded Opus on time, without end, as loud as the talk wants it. */
export class Microphone {
  readonly #transport: RtpSink;
  readonly #ssrc: number;
  readonly #packetTime: PacketTime;
  readonly #dtx: boolean;
  readonly #level: (now: number) => number;
  readonly #voice: readonly Buffer[];
  readonly #silence: Buffer;
  readonly #startedAt = performance.now();
  readonly #firstSequence = randomInt(2 ** 16);
  /** Packets that were due until now, those left out included. */
  #due = 0;
  #sent = 0;
  /** How long nothing has been said, ms. */
  #silentFor = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param place - the speaker's in the room */
  constructor(transport: RtpSink, ssrc: number, { packetTime, dtx }: Encoding, talk: Talk, place: number) {
    this.#transport = transport;
    this.#ssrc = ssrc;
    this.#packetTime = packetTime;
    this.#dtx = dtx;
    this.#level = (now) => talk.levelOf(place, now);
    this.#voice = voiceFrames(packetTime);
    this.#silence = silentFrame(packetTime);
    this.#schedule();
  }

  /** Packets so far. */
  get sent(): number {
    return this.#sent;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Timers come late, so each is set from the beginning, and what is due by then is sent. */
  #schedule(): void {
    const due = this.#startedAt + (this.#due + 1) * this.#packetTime;
    this.#timer = setTimeout(
      () => {
        const now = performance.now();
        while (this.#startedAt + (this.#due + 1) * this.#packetTime <= now) this.#passNext(now);
        this.#schedule();
      },
      Math.max(0, due - performance.now()),
    );
  }

  #passNext(now: number): void {
    const level = this.#level(now);
    const isVoice = level < silentFrom;
    this.#silentFor = isVoice ? 0 : this.#silentFor + this.#packetTime;
    const beyond = this.#silentFor - silenceTime.before;
    if (!this.#dtx || beyond <= 0 || beyond % silenceTime.between < this.#packetTime) this.#send(level, isVoice, now);
    this.#due += 1;
  }

  #send(level: number, isVoice: boolean, now: number): void {
    const frame = (isVoice ? this.#voice[this.#sent % this.#voice.length] : undefined) ?? this.#silence;
    const packet = Buffer.alloc(headerLength + frame.length);
    packet.writeUInt8(0x90, 0); // version 2, with extensions
    packet.writeUInt8(payloadType, 1);
    packet.writeUInt16BE((this.#firstSequence + this.#sent) % 2 ** 16, 2);
    packet.writeUInt32BE((this.#due * this.#packetTime * (clockRate / 1_000)) % 2 ** 32, 4);
    packet.writeUInt32BE(this.#ssrc, 8);
    packet.writeUInt16BE(0xbe_de, 12);
    packet.writeUInt16BE(3, 14); // words
    packet.writeUInt8(extensionId.audioLevel << 4, 16);
    packet.writeUInt8((isVoice ? 0x80 : 0) | level, 17);
    packet.writeUInt8((extensionId.absoluteSendTime << 4) | 2, 18);
    // Seconds of 6 bits and a fraction of 18.
    packet.writeUIntBE(Math.floor((now / 1_000) * 2 ** 18) % 2 ** 24, 19, 3);
    packet.writeUInt8((extensionId.transportSequence << 4) | 1, 22);
    packet.writeUInt16BE(this.#sent % 2 ** 16, 23);
    packet.writeUInt8(extensionId.mid << 4, 25);
    packet.write(mid, 26, 'ascii');
    frame.copy(packet, headerLength);
    this.#transport.sendRtp(packet, headerLength);
    this.#sent += 1;
  }
}
