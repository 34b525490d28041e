import type { UserId } from './ids.ts';

/** Of the path between a client and the server: not up yet, up, or lost. */
export type TransportState = 'connecting' | 'connected' | 'lost';

/** What the server sees of one speaker's way to one listener: what `media.diagnose` answers. */
export interface AudioPath {
  readonly userId: UserId;
  /** Whether the speaker has a seat. */
  readonly seated: boolean;
  /** Whether a host has taken the speaker's voice. */
  readonly mutedByHost: boolean;
  /** From the speaker to the server; null when nothing was ever sent to this node. */
  readonly sending: SendingPath | null;
  /** From the server to who asks; null while that is the speaker. */
  readonly receiving: ReceivingPath | null;
}

export interface SendingPath {
  /** Null without one. */
  readonly transport: TransportState | null;
  /** The microphone's; null when none is sent. */
  readonly producer: {
    readonly producerId: string;
    /** Muted by the speaker. */
    readonly paused: boolean;
    /** Whether packets have arrived in the last 2.5 s. */
    readonly arriving: boolean;
    /** mediasoup's, from 0 (nothing arrives) to 10. */
    readonly score: number;
    /** dBov; null in silence, and where the client measures none. */
    readonly level: number | null;
    /** Whether it is carried to the listeners now: one among the loudest is, a silent one need not be. */
    readonly forwarded: boolean;
  } | null;
}

export interface ReceivingPath {
  /** Null without one. */
  readonly transport: TransportState | null;
  /** Null when the producer is not consumed. */
  readonly consumer: {
    readonly paused: boolean;
    /** Whether packets have been sent in the last 2.5 s. */
    readonly sent: boolean;
  } | null;
}

/**
 * Why a speaker is not heard, in the order in which it is looked for: the first that applies is the answer.
 *
 * - `autoplayBlocked`: the browser withholds all sound until the page is touched
 * - `noSeat`: the speaker has no seat, so may not speak
 * - `mutedByHost`: a host has muted the speaker
 * - `microphoneInterrupted`, of the own voice: the microphone was unplugged or taken by another application
 * - `speakerDisconnected`: the speaker's media transport is down, or gone
 * - `microphoneInterrupted`, of another voice: there is a seat, and no microphone was ever connected to it
 * - `muted`: the speaker has muted the microphone
 * - `noPacketsFromSpeaker`: the transport is up, and nothing arrives on it
 * - `notAmongLoudest`: others are louder, and only so many are forwarded
 * - `listenerDisconnected`: the listener's media transport is down
 * - `consumerPaused`: this page has not asked for the voice, or not to let it flow
 * - `noPacketsToListener`: it flows, and nothing arrives here
 * - `silence`: all of it works, and what the microphone picks up is silence
 * - `notPlayed`: sound arrives here, and the browser does not play it
 */
export type SilenceCause =
  | 'autoplayBlocked'
  | 'noSeat'
  | 'mutedByHost'
  | 'microphoneInterrupted'
  | 'speakerDisconnected'
  | 'muted'
  | 'noPacketsFromSpeaker'
  | 'notAmongLoudest'
  | 'listenerDisconnected'
  | 'consumerPaused'
  | 'noPacketsToListener'
  | 'silence'
  | 'notPlayed';
