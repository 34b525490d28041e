import { recording } from './recorded-voice.ts';

/** Who talks: one of the room at a time, or everybody at once. */
export type TalkPattern = 'conversation' | 'all';

/** Milliseconds of sound in a packet. */
export type PacketTime = keyof typeof recording.voice;

/** How loud a speaker is at the moment. */
export interface Talk {
  /** @returns -dBov, 0 (loudest) to 127 (digital silence), by the speaker's place in the room */
  levelOf(speaker: number, now: number): number;
}

/** How long one talks in a conversation, ms. */
const turn = { shortest: 3_000, longest: 8_000 };
/** Levels in -dBov: speech at its usual loudness and its swing, and the noise of an open microphone. */
const speech = { loudest: 20, quietest: 36, swing: 4 };
const noise = { loudest: 75, quietest: 90 };
/** From here on what is sent is silence. */
export const silentFrom = 60;

/** @param speakers - how many the room has */
export function createTalk(pattern: TalkPattern, speakers: number): Talk {
  return pattern === 'all' ? { levelOf: (speaker) => speechLevel(speaker) } : new Conversation(speakers);
}

/** Opus frames that last a second, to be repeated. */
export function voiceFrames(packetTime: PacketTime): readonly Buffer[] {
  return recording.voice[packetTime].map((frame) => Buffer.from(frame, 'base64'));
}

export function silentFrame(packetTime: PacketTime): Buffer {
  return Buffer.from(recording.silence[packetTime][0], 'base64');
}

/** One talker at a time, who is followed by another one after 3 to 8 s. */
class Conversation implements Talk {
  readonly #speakers: number;
  #talker = 0;
  #until: number | undefined;

  constructor(speakers: number) {
    this.#speakers = speakers;
  }

  levelOf(speaker: number, now: number): number {
    this.#until ??= now + between(turn.shortest, turn.longest);
    if (now >= this.#until) {
      // Any of the others.
      this.#talker = (this.#talker + 1 + Math.floor(Math.random() * (this.#speakers - 1))) % this.#speakers;
      this.#until = now + between(turn.shortest, turn.longest);
    }
    return speaker === this.#talker ? speechLevel(speaker) : Math.round(between(noise.loudest, noise.quietest));
  }
}

/** Some voices are louder than others, and none is even. */
function speechLevel(speaker: number): number {
  const own = speech.loudest + ((speaker * 7) % (speech.quietest - speech.loudest));
  return Math.round(own + between(-speech.swing, speech.swing));
}

function between(least: number, most: number): number {
  return least + Math.random() * (most - least);
}
