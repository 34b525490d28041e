/** How the selection behaves; each is a trade of packets against what listeners miss. Times in ms, levels in dBov. */
const rules = {
  /** From here up somebody is speaking. */
  speech: -50,
  /** A rise by this much over the last report is taken for the beginning of speech, however quiet it still is. */
  onsetRise: 12,
  /** Until so long after the last sound a place is lost to somebody louder only: longer than the pauses of a dialogue. */
  silence: 1_500,
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
  /** When the place was given, or its holder began to speak again; null without a place. */
  since: number | null;
}

/**
 * Chooses the few speakers who are carried to the audience. A place is given at once, and kept, in silence too, until
 * somebody else needs it: the beginning of what its holder says next is not lost. Whoever has been silent the longest
 * yields first, at once; nobody else does but to somebody clearly louder.
 *
 * Knows no clock: `now` is any steady time in ms that never goes back.
 */
export class LoudestSpeakers {
  readonly #places: number;
  readonly #speakers = new Map<string, Speaker>();
  #chosen: ReadonlySet<string> = new Set();
  #dueAt: number | null = null;

  /** @param places - how many are carried at a time, 1 or more */
  constructor(places: number) {
    this.#places = places;
  }

  /** Who has a place; another set after each change. */
  get chosen(): ReadonlySet<string> {
    return this.#chosen;
  }

  /** When {@link settle} may next give a place to somebody who waits for one, if nobody is heard until then. */
  get dueAt(): number | null {
    return this.#dueAt;
  }

  /** Adds a speaker who has just unmuted or taken the microphone, and so is about to speak. */
  add(id: string, now: number): void {
    const { silent, silence } = rules;
    this.#speakers.set(id, { level: silent, smoothed: silent, wantsUntil: now + silence, since: null });
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
      speaker.level = level;
      const change = Math.min(level, rules.normal) - speaker.smoothed;
      speaker.smoothed += (change > 0 ? rules.rise : rules.fall) * change;
    }
    this.settle(now);
  }

  /** Gives places to those who want one, as far as others yield, and those that are left to the silent. */
  settle(now: number): void {
    const wants = ({ wantsUntil }: Speaker): boolean => wantsUntil > now;
    const [holders, others] = partition([...this.#speakers.values()], ({ since }) => since !== null);
    const [candidates, silent] = partition(others, wants);
    for (const candidate of [...candidates.sort(byLoudness), ...silent.sort(byRecency)]) {
      if (holders.length >= this.#places) {
        const yielding = wants(candidate) ? whoYields(holders, candidate, now) : undefined;
        if (!yielding) continue;
        yielding.since = null;
        holders.splice(holders.indexOf(yielding), 1);
      }
      candidate.since = now;
      holders.push(candidate);
    }
    const someWait = candidates.some(({ since }) => since === null);
    this.#dueAt = someWait ? Math.min(...holders.map(({ wantsUntil }) => wantsUntil)) : null;
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
