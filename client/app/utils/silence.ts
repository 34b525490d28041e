import type { SilenceCause } from '~~/sdk/index.ts';

/** What each cause means to somebody who does not hear a speaker, and to the speaker who is not heard. */
const sentences: Record<SilenceCause, readonly [ofAnother: string, own: string]> = {
  autoplayBlocked: ['Your browser is blocking sound. Press anywhere on the page.', 'Your browser is blocking sound.'],
  noSeat: ['They have left their seat.', 'Take a seat to speak.'],
  mutedByHost: ['A host has muted them.', 'A host has muted you.'],
  muted: ['They have muted their microphone.', 'Your microphone is muted. Unmute it.'],
  microphoneInterrupted: [
    'Their microphone is not connected, or another app has taken it.',
    'Your microphone gives no sound. Check that it is plugged in, allowed, and not used by another app.',
  ],
  speakerDisconnected: [
    'Their audio connection is down. It is being rebuilt.',
    'Your audio connection is down. It is being rebuilt; check your network.',
  ],
  noPacketsFromSpeaker: [
    'Nothing arrives from them. Their network may be bad.',
    'Nothing arrives from you. Check your network.',
  ],
  notAmongLoudest: ['Others are louder at the moment.', 'Others are louder at the moment. Speak up, or wait.'],
  listenerDisconnected: ['Your audio connection is down. It is being rebuilt; check your network.', ''],
  consumerPaused: ['This page has not asked for their voice yet. Reload it if this lasts.', ''],
  noPacketsToListener: ['Their voice is sent, and does not reach you. Check your network.', ''],
  notPlayed: ['Their voice reaches your browser, which does not play it. Reload the page.', ''],
  silence: [
    'Everything works, but they are silent.',
    'Everything works, but your microphone picks up silence. Is it the right one?',
  ],
};

/** @param cause - null: nothing is wrong */
export function explainSilence(cause: SilenceCause | null, own: boolean): string {
  if (cause === null) return own ? 'Others can hear you.' : 'You should hear them. Is your speaker turned up?';
  return sentences[cause][own ? 1 : 0];
}
