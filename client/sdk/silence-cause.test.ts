import { describe, expect, it } from 'vitest';
import type { AudioPath, ReceivingPath, SendingPath, SilenceCause } from '../../src/core/audio-path.ts';
import { findSilenceCause, type PageFacts } from './silence-cause.ts';

const producer: NonNullable<SendingPath['producer']> = {
  producerId: 'p',
  paused: false,
  arriving: true,
  score: 10,
  level: null,
  forwarded: true,
};
const drowned = { level: -40, forwarded: false };
const silent = { ...producer, forwarded: false };
const sending: SendingPath = { transport: 'connected', producer };
const receiving: ReceivingPath = { transport: 'connected', consumer: { paused: false, sent: true } };
const path: AudioPath = { userId: 1 as AudioPath['userId'], seated: true, mutedByHost: false, sending, receiving };
const page: PageFacts = {
  heard: false,
  audioBlocked: false,
  packetsArrive: true,
  microphoneLive: null,
};

/** Each fault as it changes what is seen, in the order of precedence. */
const faults: readonly { cause: SilenceCause; path?: Partial<AudioPath>; page?: Partial<PageFacts> }[] = [
  { cause: 'autoplayBlocked', page: { audioBlocked: true } },
  { cause: 'noSeat', path: { seated: false } },
  { cause: 'mutedByHost', path: { mutedByHost: true } },
  { cause: 'speakerDisconnected', path: { sending: { transport: 'lost', producer } } },
  { cause: 'speakerDisconnected', path: { sending: { transport: null, producer: null } } },
  { cause: 'microphoneInterrupted', path: { sending: { transport: 'connected', producer: null } } },
  { cause: 'microphoneInterrupted', path: { sending: null } },
  { cause: 'muted', path: { sending: { ...sending, producer: { ...producer, paused: true } } } },
  { cause: 'noPacketsFromSpeaker', path: { sending: { ...sending, producer: { ...producer, arriving: false } } } },
  { cause: 'notAmongLoudest', path: { sending: { ...sending, producer: { ...producer, ...drowned } } } },
  { cause: 'listenerDisconnected', path: { receiving: { ...receiving, transport: 'lost' } } },
  { cause: 'consumerPaused', path: { receiving: { ...receiving, consumer: null } } },
  { cause: 'silence', path: { sending: { ...sending, producer: silent } }, page: { packetsArrive: false } },
  { cause: 'noPacketsToListener', page: { packetsArrive: false } },
  { cause: 'silence' },
  { cause: 'notPlayed', path: { sending: { ...sending, producer: { ...producer, level: -20 } } } },
];

describe('findSilenceCause', () => {
  it.each(faults)('names $cause', ({ cause, path: itsPath, page: itsPage }) => {
    expect(findSilenceCause({ ...path, ...itsPath }, { ...page, ...itsPage })).toBe(cause);
  });

  it('names none while the voice is heard', () => {
    for (const { path: itsPath } of faults) {
      expect(findSilenceCause({ ...path, ...itsPath }, { ...page, heard: true })).toBeNull();
    }
  });

  it('names the first of several', () => {
    const all = { ...path, seated: false, receiving: { transport: 'lost', consumer: null } } as const;
    expect(findSilenceCause(all, { ...page, packetsArrive: false })).toBe('noSeat');
    expect(findSilenceCause(all, { ...page, audioBlocked: true })).toBe('autoplayBlocked');
  });

  it('takes a paused consumer, and one that is missing, for the same', () => {
    const paused = { transport: 'connected', consumer: { paused: true, sent: false } } as const;
    expect(findSilenceCause({ ...path, receiving: paused }, page)).toBe('consumerPaused');
  });

  describe('of the own voice', () => {
    const own = { ...path, receiving: null };

    it('does not ask how it is received', () => {
      expect(findSilenceCause(own, { ...page, audioBlocked: true, packetsArrive: false, microphoneLive: true })).toBe(
        'silence',
      );
    });

    it('names a microphone that gives nothing', () => {
      expect(findSilenceCause(own, { ...page, microphoneLive: false })).toBe('microphoneInterrupted');
    });

    it('names none when it is carried to the listeners', () => {
      const speaking = { ...own, sending: { ...sending, producer: { ...producer, level: -30 } } };
      expect(findSilenceCause(speaking, { ...page, microphoneLive: true })).toBeNull();
    });
  });
});
