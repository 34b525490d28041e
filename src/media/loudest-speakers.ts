/** How the selection behaves; each is a trade of packets against what listeners miss. Times in ms, levels in dBov. */
const rules = {
  /** From here up somebody is speaking. */
  speech: -50,
  /** A rise by this much over the last report is taken for the beginning of speech, however quiet it still is. */
  onsetRise: 12,
  /** Until so long after the last sound a place is lost to somebody louder only: longer than the pauses of a dialogue. */
  silence: 1_500,
  /** A place that nobody else wants is not given back as long as its holder is this loud: quiet voices are voices. */
  audible: -60,
  /** So long before the first place can be lost, beginnings of speech are worth looking for. */
  lookout: 500,
  /** What only looked like the beginning of speech must turn into speech within this time. */
  onset: 750,
  /** A place is lost only to a voice that is this much louder, silence of the holder included ... */
  margin: 6,
  /** ... and by somebody who speaks only after having held it this long. */
  tenure: 1_000,
  /** Share of the newest report in the smoothed level when it is higher: one cough is no speech, two reports are. */
  rise: 0.5,
  /** ... and when it is lower: whoever is silent for a moment stays ahead of those who rustle. */
  fall: 0.1,
  /** Nobody is louder than this: a strong voice counts no more than a normal one. */
  normal: -30,
  /** Level of somebody who was not reported. */
  silent: -85,
} as const;

interface Speaker {
  /** Of the last report. */
  level: number;
  /** Over the last few reports. */
  smoothed: number;
  /** Until when the speaker wants a place without being heard again. */
  wantsUntil: number;
  /** Until when a place that nobody else wants is not given back; never before `wantsUntil`. */
  audibleUntil: number;
  /** When the place was given, or its holder began to speak again; null without a place. */
  since: number | null;
}

export interface LoudestSpeakersOptions {
  /** How many are carried at a time, 1 or more. */
  readonly places: number;
  /**
   * Whether places that nobody needs go to the silent, so that the beginning of what they say next is not lost; else a
   * place is given back after 1.5 s of silence. Asked at each decision.
   */
  readonly keepsSilent: () => boolean;
}

/**
 * Chooses the few speakers who are carried to the audience. A place is given at once. When there is none left, whoever
 * has been silent the longest yields, at once; nobody else does but to somebody clearly louder.
 *
 * Knows no clock: `now` is any steady time in ms that never goes back.
 */
export class LoudestSpeakers {
  readonly #options: LoudestSpeakersOptions;
  readonly #speakers = new Map<string, Speaker>();
  #chosen: ReadonlySet<string> = new Set();
  #dueAt: number | null = null;
  #open = true;

  constructor(options: LoudestSpeakersOptions) {
    this.#options = options;
  }

  /** Who has a place; another set after each change. */
  get chosen(): ReadonlySet<string> {
    return this.#chosen;
  }

  /** When {@link settle} may next change something if nobody is heard until then. */
  get dueAt(): number | null {
    return this.#dueAt;
  }

  /** Whether somebody who begins to speak now or in a moment would be given a place for it. */
  get open(): boolean {
    return this.#open;
  }

  /** Adds a speaker who has just unmuted or taken the microphone, and so is about to speak. */
  add(id: string, now: number): void {
    const { silent, silence } = rules;
    const until = now + silence;
    this.#speakers.set(id, { level: silent, smoothed: silent, wantsUntil: until, audibleUntil: until, since: null });
    this.settle(now);
  }

  /** Takes out a speaker who is muted or gone. Again without effect. */
  remove(id: string, now: number): void {
    if (this.#speakers.delete(id)) this.settle(now);
  }

  /** Notes a sign that somebody begins to speak, earlier than levels show it. */
  expect(id: string, now: number): void {
    const speaker = this.#speakers.get(id);
    if (!speaker) return;
    want(speaker, rules.onset, now);
    this.settle(now);
  }

  /**
   * Takes the newest levels.
   *
   * @param levels - by id, dBov; whoever is missing is silent
   */
  report(levels: ReadonlyMap<string, number>, now: number): void {
    for (const [id, speaker] of this.#speakers) {
      const level = levels.get(id) ?? rules.silent;
      if (level >= rules.speech) {
        want(speaker, rules.silence, now);
      } else if (level >= speaker.level + rules.onsetRise) {
        want(speaker, rules.onset, now);
      }
      if (level >= rules.audible) speaker.audibleUntil = now + rules.silence;
      speaker.level = level;
      const change = Math.min(level, rules.normal) - speaker.smoothed;
      speaker.smoothed += (change > 0 ? rules.rise : rules.fall) * change;
    }
    this.settle(now);
  }

  /** Gives places to those who want one, as far as others yield, and sees to those that are left. */
  settle(now: number): void {
    const { places, keepsSilent } = this.#options;
    const keeps = keepsSilent();
    const wants = ({ wantsUntil }: Speaker): boolean => wantsUntil > now;
    if (!keeps) for (const speaker of this.#speakers.values()) if (speaker.audibleUntil <= now) speaker.since = null;
    const [holders, others] = partition([...this.#speakers.values()], ({ since }) => since !== null);
    const [candidates, silent] = partition(others, wants);
    for (const candidate of [...candidates.sort(byLoudness), ...(keeps ? silent.sort(byRecency) : [])]) {
      if (holders.length >= places) {
        const yielding = wants(candidate) ? whoYields(holders, candidate, now) : undefined;
        if (!yielding) continue;
        yielding.since = null;
        holders.splice(holders.indexOf(yielding), 1);
      }
      candidate.since = now;
      holders.push(candidate);
    }
    const lookoutAt = Math.min(...holders.map(({ wantsUntil }) => wantsUntil)) - rules.lookout;
    this.#open = holders.length < places || lookoutAt <= now;
    const someWait = candidates.some(({ since }) => since === null);
    this.#dueAt = this.#open ? nextEnd(holders, { someWait, keeps }, now) : lookoutAt;
    this.#publish();
  }

  #publish(): void {
    const chosen = new Set([...this.#speakers].flatMap(([id, { since }]) => (since === null ? [] : [id])));
    if (chosen.size === this.#chosen.size && [...chosen].every((id) => this.#chosen.has(id))) return;
    this.#chosen = chosen;
  }
}

function want(speaker: Speaker, forMs: number, now: number): void {
  if (speaker.since !== null && speaker.wantsUntil <= now) speaker.since = now;
  speaker.wantsUntil = Math.max(speaker.wantsUntil, now + forMs);
  speaker.audibleUntil = Math.max(speaker.audibleUntil, speaker.wantsUntil);
}

/** When the next of those with a place may lose it to somebody who waits, or gives it back. */
function nextEnd(
  holders: readonly Speaker[],
  { someWait, keeps }: { readonly someWait: boolean; readonly keeps: boolean },
  now: number,
): number | null {
  const ends = holders.flatMap(({ wantsUntil, audibleUntil }) => [
    ...(someWait ? [wantsUntil] : []),
    ...(keeps ? [] : [audibleUntil]),
  ]);
  const next = Math.min(...ends.filter((end) => end > now));
  return next === Infinity ? null : next;
}

function byLoudness(a: Speaker, b: Speaker): number {
  return b.smoothed - a.smoothed;
}

/** Those heard last first. */
function byRecency(a: Speaker, b: Speaker): number {
  return b.wantsUntil - a.wantsUntil;
}

/** Who of those with a place loses it to somebody without one. */
function whoYields(holders: readonly Speaker[], candidate: Speaker, now: number): Speaker | undefined {
  const silent = holders.filter(({ wantsUntil }) => wantsUntil <= now).sort(byRecency);
  if (silent.length > 0) return silent.at(-1);
  const quietest = holders.toSorted(byLoudness).at(-1);
  return quietest && yieldsTo(quietest, candidate, now) ? quietest : undefined;
}

function yieldsTo(holder: Speaker, candidate: Speaker, now: number): boolean {
  const isProtected = holder.level >= rules.speech && (holder.since ?? now) > now - rules.tenure;
  return !isProtected && candidate.level >= rules.speech && candidate.smoothed >= holder.smoothed + rules.margin;
}

function partition<T>(values: readonly T[], which: (value: T) => boolean): [is: T[], isNot: T[]] {
  return [values.filter(which), values.filter((value) => !which(value))];
}
