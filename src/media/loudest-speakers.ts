/** How the selection behaves; each is a trade of packets against what listeners miss. Times in ms, levels in dBov. */
const rules = {
  /** From here up somebody is speaking. */
  speech: -50,
  /** A rise by this much over the last report is taken for the beginning of speech, however quiet it still is. */
  onsetRise: 12,
  /** A speaker keeps the place this long after the last sound: longer than the pauses of a dialogue. */
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
  /** Null without a place. */
  since: number | null;
}

/**
 * Chooses the few speakers who are carried to the audience: a place is given at once, and taken away after a silence or
 * when somebody clearly louder needs it.
 *
 * Knows no clock: `now` is any steady time in ms that never goes back.
 */
export class LoudestSpeakers {
  readonly #places: number;
  readonly #speakers = new Map<string, Speaker>();
  #chosen: ReadonlySet<string> = new Set();

  /** @param places - how many are carried at a time, 1 or more */
  constructor(places: number) {
    this.#places = places;
  }

  /** Who has a place; another set after each change. */
  get chosen(): ReadonlySet<string> {
    return this.#chosen;
  }

  /** When {@link settle} would take away the next place if nobody is heard until then; null when it would not. */
  get dueAt(): number | null {
    let due: number | null = null;
    for (const { since, wantsUntil } of this.#speakers.values()) {
      if (since !== null && (due === null || wantsUntil < due)) due = wantsUntil;
    }
    return due;
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
    speaker.wantsUntil = Math.max(speaker.wantsUntil, now + rules.onset);
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
        speaker.wantsUntil = now + rules.silence;
      } else if (level >= speaker.level + rules.onsetRise) {
        speaker.wantsUntil = Math.max(speaker.wantsUntil, now + rules.onset);
      }
      speaker.level = level;
      const change = Math.min(level, rules.normal) - speaker.smoothed;
      speaker.smoothed += (change > 0 ? rules.rise : rules.fall) * change;
    }
    this.settle(now);
  }

  /** Takes places from whoever has been silent, and gives those that are free. */
  settle(now: number): void {
    for (const speaker of this.#speakers.values()) if (speaker.wantsUntil <= now) speaker.since = null;
    const holders = this.#sorted(({ since }) => since !== null);
    for (const candidate of this.#sorted(({ since, wantsUntil }) => since === null && wantsUntil > now)) {
      if (holders.length >= this.#places) {
        const quietest = holders.at(-1);
        if (!quietest || !yieldsTo(quietest, candidate, now)) continue;
        quietest.since = null;
        holders.pop();
      }
      candidate.since = now;
      holders.push(candidate);
      holders.sort(byLoudness);
    }
    this.#publish();
  }

  #sorted(which: (speaker: Speaker) => boolean): Speaker[] {
    return [...this.#speakers.values()].filter(which).sort(byLoudness);
  }

  #publish(): void {
    const chosen = new Set([...this.#speakers].flatMap(([id, { since }]) => (since === null ? [] : [id])));
    if (chosen.size === this.#chosen.size && [...chosen].every((id) => this.#chosen.has(id))) return;
    this.#chosen = chosen;
  }
}

function byLoudness(a: Speaker, b: Speaker): number {
  return b.smoothed - a.smoothed;
}

/** Whether somebody without a place may take that of somebody who has one. */
function yieldsTo(holder: Speaker, candidate: Speaker, now: number): boolean {
  const isProtected = holder.level >= rules.speech && (holder.since ?? now) > now - rules.tenure;
  return !isProtected && candidate.level >= rules.speech && candidate.smoothed >= holder.smoothed + rules.margin;
}
