import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoudestSpeakers } from './loudest-speakers.ts';

/** mediasoup's interval of level reports. */
const reportMs = 250;

/** Runs a selection on a clock of its own and notes every change. */
class Scene {
  readonly selection: LoudestSpeakers;
  readonly changes: { readonly at: number; readonly chosen: string }[] = [];
  now = 0;

  constructor(places: number, ids: string) {
    this.selection = new LoudestSpeakers(places);
    for (const id of ids) this.selection.add(id, this.now);
    // The places of new speakers pass.
    this.run(3_000, () => ({}));
    this.changes.length = 0;
  }

  get chosen(): string {
    return [...this.selection.chosen].sort().join('');
  }

  /** Reports the levels that `talk` names for each moment, by id; whoever is missing is silent. */
  run(ms: number, talk: (at: number) => Record<string, number>): this {
    const until = this.now + ms;
    for (; this.now < until; this.now += reportMs) {
      this.#step(() => {
        const due = this.selection.dueAt;
        if (due !== null && due <= this.now) this.selection.settle(this.now);
      });
      this.#step(() => this.selection.report(new Map(Object.entries(talk(this.now))), this.now));
    }
    return this;
  }

  #step(act: () => void): void {
    const before = this.chosen;
    act();
    if (this.chosen !== before) this.changes.push({ at: this.now, chosen: this.chosen });
  }
}

describe('LoudestSpeakers', () => {
  it('gives a place at the first report of speech and takes it after 1.5 s of silence', () => {
    const scene = new Scene(3, 'ab');
    const start = scene.now;
    scene.run(2_000, () => ({ a: -25 })).run(3_000, () => ({}));
    const lastHeard = start + 2_000 - reportMs;
    expect(scene.changes).toEqual([
      { at: start, chosen: 'a' },
      { at: lastHeard + 1_500, chosen: '' },
    ]);
  });

  it('says when a place runs out, for silence brings no reports', () => {
    const selection = new LoudestSpeakers(1);
    selection.add('a', 100);
    expect([...selection.chosen]).toEqual(['a']);
    expect(selection.dueAt).toBe(1_600);
    selection.settle(1_599);
    expect([...selection.chosen]).toEqual(['a']);
    selection.settle(1_600);
    expect([...selection.chosen]).toEqual([]);
    expect(selection.dueAt).toBeNull();
  });

  it('never takes a place from either of two in dialogue, whatever the other thirteen rustle', () => {
    const ids = 'abcdefghijklmno';
    const scene = new Scene(3, ids);
    let seed = 7;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    const talk = (at: number): Record<string, number> => {
      // Turns of a second; the other one waits in silence.
      const levels: Record<string, number> = { [Math.floor(at / 1_000) % 2 === 0 ? 'a' : 'b']: -20 - random() * 20 };
      for (const id of ids.slice(2)) if (random() < 0.04) levels[id] = -50 + random() * 12;
      return levels;
    };
    scene.run(2_500, talk);
    expect(scene.chosen).toMatch(/^ab/);
    const established = scene.changes.length;
    scene.run(10 * 60_000, talk);
    for (const { chosen } of scene.changes.slice(established)) expect(chosen).toMatch(/^ab/);
  });

  it('lets two keep their places without one change while only they talk', () => {
    const scene = new Scene(3, 'abc');
    scene.run(10 * 60_000, (at) => ({ [Math.floor(at / 1_000) % 2 === 0 ? 'a' : 'b']: -30 }));
    expect(scene.changes.map(({ chosen }) => chosen)).toEqual(['b', 'ab']);
  });

  it('gives the place of the quietest to somebody clearly louder, and only after a second', () => {
    const scene = new Scene(2, 'abc');
    scene.run(250, () => ({ a: -20, b: -45 }));
    const start = scene.now;
    scene.run(3_000, () => ({ a: -20, b: -45, c: -22 }));
    expect(scene.chosen).toBe('ac');
    expect(scene.changes.at(-1)?.at).toBe(start - 250 + 1_000);
  });

  it('gives the place of somebody silent to whoever goes on speaking, not to a single sound', () => {
    const scene = new Scene(1, 'abc');
    scene.run(4_000, () => ({ a: -25 }));
    const stopped = scene.now;
    scene.run(250, () => ({ c: -20 })).run(1_000, () => ({ b: -25 }));
    expect(scene.changes.map(({ chosen }) => chosen)).toEqual(['a', 'b']);
    expect(scene.changes.at(-1)?.at).toBeLessThanOrEqual(stopped + 1_000);
  });

  it('does not change places among equals who all talk at once', () => {
    const scene = new Scene(3, 'abcdef');
    let seed = 3;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    scene.run(60_000, () => Object.fromEntries(Array.from('abcdef', (id) => [id, -28 + random() * 6])));
    expect(scene.changes.length).toBeLessThanOrEqual(3);
  });

  it('takes a rise for the beginning of speech, and lets go when none follows', () => {
    const scene = new Scene(3, 'a');
    const start = scene.now;
    scene.run(250, () => ({ a: -62 })).run(2_000, () => ({}));
    expect(scene.changes).toEqual([
      { at: start, chosen: 'a' },
      { at: start + 750, chosen: '' },
    ]);
  });

  it('takes a steady noise below speech for what it is', () => {
    const scene = new Scene(3, 'a');
    scene.run(60_000, () => ({ a: -60 }));
    expect(scene.changes.map(({ chosen }) => chosen)).toEqual(['a', '']);
  });

  it('gives a place on a sign of speech if one is free', () => {
    const selection = new LoudestSpeakers(1);
    selection.add('a', 0);
    selection.settle(2_000);
    selection.expect('a', 2_000);
    expect([...selection.chosen]).toEqual(['a']);
    selection.add('b', 2_100);
    selection.expect('b', 2_100);
    expect([...selection.chosen]).toEqual(['a']);
  });

  it('forgets whoever is muted or gone at once, and hands the place on', () => {
    const scene = new Scene(1, 'ab');
    scene.run(500, () => ({ a: -20, b: -24 }));
    expect(scene.chosen).toBe('a');
    scene.selection.remove('a', scene.now);
    expect(scene.chosen).toBe('b');
    scene.selection.remove('b', scene.now);
    scene.selection.remove('b', scene.now);
    expect(scene.chosen).toBe('');
    expect(scene.selection.dueAt).toBeNull();
  });

  it('never has more chosen than places, and never leaves a place free while somebody speaks', () => {
    const levels = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: -70, max: -5 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(levels, { maxLength: 80 }), (places, reports) => {
        const scene = new Scene(places, 'abcde');
        for (const report of reports) {
          scene.run(reportMs, () => report);
          const speaking = Object.entries(report).filter(([, level]) => level >= -50);
          expect(scene.selection.chosen.size).toBeLessThanOrEqual(places);
          expect(scene.selection.chosen.size).toBeGreaterThanOrEqual(Math.min(places, speaking.length));
        }
      }),
    );
  });
});
