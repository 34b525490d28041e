import type { AudioPath, SendingPath, SilenceCause } from '../../src/core/audio-path.ts';

/** What only the page knows of a speaker's way to its loudspeaker. */
export interface PageFacts {
  /** Whether the voice has sounded in the last moment. */
  readonly heard: boolean;
  /** Whether the browser withholds sound. */
  readonly audioBlocked: boolean;
  /** Whether packets of the voice arrive. */
  readonly packetsArrive: boolean;
  /** Whether the page's own microphone gives sound; null when the speaker is somebody else. */
  readonly microphoneLive: boolean | null;
}

type Rule = readonly [cause: SilenceCause, applies: (path: AudioPath, page: PageFacts) => boolean];

/** From the loudspeaker's lock to the microphone's silence; the first that applies is the cause. */
const rules: readonly Rule[] = [
  ['autoplayBlocked', ({ receiving }, { audioBlocked }) => receiving !== null && audioBlocked],
  ['noSeat', ({ seated }) => !seated],
  ['mutedByHost', ({ mutedByHost }) => mutedByHost],
  ['microphoneInterrupted', (_, { microphoneLive }) => microphoneLive === false],
  ['speakerDisconnected', ({ sending }) => sending !== null && sending.transport !== 'connected'],
  ['microphoneInterrupted', (path) => producerOf(path) === null],
  ['muted', (path) => producerOf(path)?.paused === true],
  ['noPacketsFromSpeaker', (path) => producerOf(path)?.arriving === false],
  ['notAmongLoudest', (path) => isHeld(path) && producerOf(path)?.level !== null],
  ['listenerDisconnected', ({ receiving }) => receiving !== null && receiving.transport !== 'connected'],
  ['consumerPaused', ({ receiving }) => receiving !== null && receiving.consumer?.paused !== false],
  // A silent one need not be carried.
  ['silence', isHeld],
  ['noPacketsToListener', ({ receiving }, { packetsArrive }) => receiving !== null && !packetsArrive],
  ['silence', (path) => producerOf(path)?.level === null],
  ['notPlayed', ({ receiving }) => receiving !== null],
];

/**
 * The one cause of a speaker's not being heard.
 *
 * @returns null when the voice is heard, or, of the own one, when it is carried to the listeners
 */
export function findSilenceCause(path: AudioPath, page: PageFacts): SilenceCause | null {
  if (page.heard) return null;
  return rules.find(([, applies]) => applies(path, page))?.[0] ?? null;
}

function isHeld(path: AudioPath): boolean {
  return producerOf(path)?.forwarded === false;
}

function producerOf({ sending }: AudioPath): SendingPath['producer'] {
  return sending?.producer ?? null;
}
