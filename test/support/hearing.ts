import { eventually } from './eventually.ts';
import type { Tab } from './browser.ts';

/*
 * What a page plays, measured: `Room.inboundAudioEnergy()` is the mean square of the samples that the page sent to the
 * loudspeaker in the last 0.68 s. The voice of support/voice.ts measures 0.003 to 0.013 after the browser's gain control
 * and Opus, and 0 while its speaker is muted.
 */

/** Heard: a third of the voice's lowest measure, so that a gap of half a second falls below it. */
const audible = 0.001;
/** Silence: 30 dB below that. Not 0, since a decoder fades out and adds comfort noise of up to 0.00000006. */
const silent = 0.000_001;
/** What one measurement covers, ms. */
export const windowMs = 680;

/** What a tab heard of one speaker while it was recorded. */
export interface Recording {
  /** One measurement every 50 ms; 0 while there was no such voice. */
  readonly energies: readonly number[];
  /** How many of them were audible, 0 to 1. */
  readonly audibleShare: number;
  /** The longest time without an audible one, ms; a gap shows from half a second on, less that half second. */
  readonly longestSilenceMs: number;
  /** The loudest one. */
  readonly peak: number;
}

/** The part of the SDK that `?debug=1` shows, as far as it is used here. */
interface DebugPage {
  readonly __flylive?: { inboundAudioEnergy(): Record<number, number> };
}

/** The energy of one speaker's voice in a tab; null when the tab plays no such voice. */
export function measure({ page }: Tab, speakerId: number): Promise<number | null> {
  return page.evaluate(
    (id) => (globalThis as unknown as DebugPage).__flylive?.inboundAudioEnergy()[id] ?? null,
    speakerId,
  );
}

/** Waits until the tab plays the speaker's voice. @returns the energy */
export function hear(tab: Tab, speakerId: number): Promise<number> {
  return eventually(async () => {
    const energy = await measure(tab, speakerId);
    if (energy === null || energy < audible) throw new Error(`User ${speakerId} is not heard: energy ${energy}`);
    return energy;
  });
}

/** Waits until the tab plays the speaker's stream, and that is silent. @returns the energy */
export function hearSilence(tab: Tab, speakerId: number): Promise<number> {
  return eventually(async () => {
    const energy = await measure(tab, speakerId);
    if (energy === null || energy > silent) throw new Error(`User ${speakerId} is not silent: energy ${energy}`);
    return energy;
  });
}

/**
 * How long after `act` began the tab plays the speaker's stream on, ms; the stream may end with it.
 *
 * @throws Error when it is heard on
 */
export async function silenceAfter(tab: Tab, speakerId: number, act: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await act();
  await eventually(async () => {
    const energy = await measure(tab, speakerId);
    if (energy !== null && energy > silent) throw new Error(`User ${speakerId} is not silent: energy ${energy}`);
  });
  // Silent for a whole window by now.
  return Math.max(0, performance.now() - since - windowMs);
}

/** Records what the tab hears of a speaker for as long as `work` takes. */
export async function listenDuring(tab: Tab, speakerId: number, work: () => Promise<unknown>): Promise<Recording> {
  const recorder = await tab.page.evaluateHandle((id) => {
    const taken: { at: number; energy: number }[] = [];
    const take = (): unknown =>
      taken.push({
        at: performance.now(),
        energy: (globalThis as unknown as DebugPage).__flylive?.inboundAudioEnergy()[id] ?? 0,
      });
    take();
    return { taken, timer: setInterval(take, 50) };
  }, speakerId);
  try {
    await work();
  } finally {
    await recorder.evaluate(({ timer }) => clearInterval(timer));
  }
  const taken = await recorder.evaluate((recorded) => recorded.taken);
  await recorder.dispose();
  const energies = taken.map(({ energy }) => energy);
  return {
    energies,
    longestSilenceMs: longestSilence(taken),
    audibleShare: energies.filter((energy) => energy >= audible).length / energies.length,
    peak: Math.max(...energies),
  };
}

function longestSilence(taken: readonly { readonly at: number; readonly energy: number }[]): number {
  let longest = 0;
  let since: number | null = null;
  for (const { at, energy } of taken) {
    if (energy >= audible) since = null;
    else {
      since ??= at;
      longest = Math.max(longest, at - since);
    }
  }
  return longest;
}

/** Whether a recording holds no sound at all. */
export function isSilent({ peak }: Recording): boolean {
  return peak <= silent;
}
