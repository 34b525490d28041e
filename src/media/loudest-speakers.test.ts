import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoudestSpeakers } from './loudest-speakers.ts';

/** mediasoup's interval of level reports. */
const reportMs = 250;

const keeping = (places: number) => new LoudestSpeakers({ places, keepsSilent: () => true });

/** Runs a selection on a clock of its own and notes every change. */
class Scene {
  readonly selection: LoudestSpeakers;
  readonly changes: { readonly at: number; readonly chosen: string }[] = [];
  now = 0;

  constructor(places: number, ids: string, { keepsSilent = true } = {}) {
    this.selection = new LoudestSpeakers({ places, keepsSilent: () => keepsSilent });
    for (const id of ids) this.selection.add(id, this.now);
    // What new speakers are expected to say is over.
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
  it('carries everybody while there are no more than places, whoever speaks', () => {
    const scene = new Scene(3, 'abc');
    expect(scene.chosen).toBe('abc');
    scene.run(60_000, (at) => ({ [Math.floor(at / 5_000) % 2 === 0 ? 'a' : 'b']: -30 }));
    expect(scene.changes).toEqual([]);
  });

  it('gives a place at the first report of speech, that of whoever has been silent the longest', () => {
    const scene = new Scene(3, 'abcd');
    for (const id of 'abc') scene.run(2_000, () => ({ [id]: -25 }));
    expect(scene.chosen).toBe('abc');
    scene.run(3_000, () => ({}));
    const start = scene.now;
    scene.run(3_000, () => ({ d: -25 })).run(3_000, () => ({}));
    expect(scene.changes.at(-1)).toEqual({ at: start, chosen: 'bcd' });
  });

  it('keeps the place of whoever has been silent for less than 1.5 s', () => {
    const scene = new Scene(1, 'ab');
    scene.run(4_000, () => ({ a: -25 }));
    const lastHeard = scene.now - reportMs;
    scene.run(250, () => ({ b: -48 })).run(3_000, () => ({}));
    expect(scene.changes.at(-1)).toEqual({ at: lastHeard + 1_500, chosen: 'b' });
  });

  it('says when a place may be given to somebody who waits, for silence brings no reports', () => {
    const selection = keeping(1);
    selection.add('a', 100);
    selection.settle(1_200);
    expect(selection.dueAt).toBeNull();
    selection.add('b', 1_300);
    expect([...selection.chosen]).toEqual(['a']);
    expect(selection.dueAt).toBe(1_600);
    selection.settle(1_599);
    expect([...selection.chosen]).toEqual(['a']);
    selection.settle(1_600);
    expect([...selection.chosen]).toEqual(['b']);
  });

  it('is open to beginnings of speech from half a second before a place can be lost', () => {
    const selection = keeping(1);
    expect(selection.open).toBe(true);
    selection.add('a', 0);
    expect(selection.open).toBe(false);
    expect(selection.dueAt).toBe(1_000);
    selection.settle(1_000);
    expect(selection.open).toBe(true);
    selection.report(new Map([['a', -30]]), 1_250);
    expect(selection.open).toBe(false);
    expect(selection.dueAt).toBe(2_250);
  });

  it('gives a place that is left to the silent', () => {
    const scene = new Scene(2, 'abc');
    for (const id of 'ab') scene.run(2_000, () => ({ [id]: -25 }));
    expect(scene.chosen).toBe('ab');
    scene.selection.remove('a', scene.now);
    expect(scene.chosen).toBe('bc');
  });

  it('protects somebody silent who begins to speak again as one who has just been given the place', () => {
    const scene = new Scene(1, 'ab');
    scene.run(250, () => ({ a: -25 })).run(5_000, () => ({}));
    const start = scene.now;
    scene.run(3_000, () => ({ a: -45, b: -20 }));
    expect(scene.changes.map(({ at, chosen }) => [at - start, chosen]).at(-1)).toEqual([1_000, 'b']);
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
    expect(scene.changes).toEqual([]);
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
    expect(scene.changes.map(({ chosen }) => chosen)).toEqual(['b']);
    expect(scene.changes.at(-1)?.at).toBeLessThanOrEqual(stopped + 1_000);
  });

  it('does not change places among equals who all talk at once', () => {
    const scene = new Scene(3, 'abcdef');
    let seed = 3;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    scene.run(60_000, () => Object.fromEntries(Array.from('abcdef', (id) => [id, -28 + random() * 6])));
    expect(scene.changes.length).toBeLessThanOrEqual(3);
  });

  it('takes a rise for the beginning of speech, for a while', () => {
    const scene = new Scene(1, 'ab');
    const start = scene.now;
    scene.run(250, () => ({ b: -62 })).run(250, () => ({ a: -62 }));
    expect(scene.changes).toEqual([{ at: start, chosen: 'b' }]);
    scene.run(2_000, () => ({}));
    expect(scene.changes.at(-1)).toEqual({ at: start + 750, chosen: 'a' });
  });

  it('takes a steady noise below speech for what it is', () => {
    const scene = new Scene(1, 'ab');
    scene.run(60_000, () => ({ b: -60 }));
    expect(scene.changes.map(({ chosen }) => chosen)).toEqual(['b']);
    scene.run(250, () => ({ a: -50, b: -60 }));
    expect(scene.chosen).toBe('a');
  });

  it('gives the place of somebody silent on a sign of speech, and nobody else’s', () => {
    const selection = keeping(1);
    selection.add('a', 0);
    selection.add('b', 100);
    selection.expect('b', 2_000);
    expect([...selection.chosen]).toEqual(['b']);
    selection.expect('a', 2_100);
    expect([...selection.chosen]).toEqual(['b']);
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

  it.each([true, false])(
    'never has more chosen than places, and never leaves a place free while somebody speaks (%s)',
    (keepsSilent) => {
      const levels = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: -70, max: -5 }));
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 4 }), fc.array(levels, { maxLength: 80 }), (places, reports) => {
          const scene = new Scene(places, 'abcde', { keepsSilent });
          for (const report of reports) {
            scene.run(reportMs, () => report);
            const speaking = Object.entries(report).filter(([, level]) => level >= -50);
            expect(scene.selection.chosen.size).toBeLessThanOrEqual(places);
            expect(scene.selection.chosen.size).toBeGreaterThanOrEqual(Math.min(places, speaking.length));
          }
        }),
      );
    },
  );
});

describe('LoudestSpeakers that keeps no silent ones', () => {
  const release = (places: number, ids: string) => new Scene(places, ids, { keepsSilent: false });

  it('gives places back when what new speakers are about to say does not come', () => {
    const scene = release(3, 'abcd');
    expect(scene.chosen).toBe('');
    scene.selection.add('e', scene.now);
    expect(scene.chosen).toBe('e');
    expect(scene.selection.dueAt).toBe(scene.now + 1_500);
    scene.selection.settle(scene.now + 1_500);
    expect(scene.chosen).toBe('');
    expect(scene.selection.dueAt).toBeNull();
    expect(scene.selection.open).toBe(true);
  });

  it('carries who speaks, at the first report of it, and nobody 1.5 s after the last', () => {
    const scene = release(3, 'abcd');
    const start = scene.now;
    scene.run(4_000, () => ({ a: -25 })).run(4_000, () => ({}));
    expect(scene.changes).toEqual([
      { at: start, chosen: 'a' },
      { at: start + 4_000 - reportMs + 1_500, chosen: '' },
    ]);
  });

  it('keeps both of two in dialogue as long as each answers within 1.5 s', () => {
    const scene = release(3, 'abcdefghijklmno');
    scene.run(2_000, (at) => ({ [Math.floor(at / 1_000) % 2 === 0 ? 'a' : 'b']: -30 }));
    scene.changes.length = 0;
    scene.run(10 * 60_000, (at) => ({ [Math.floor(at / 1_000) % 2 === 0 ? 'a' : 'b']: -30 }));
    expect(scene.changes).toEqual([]);
  });

  it('changes twice a turn where turns are long, and not at the pauses between words', () => {
    const scene = release(3, 'abcdefghijklmno');
    // Turns of 5 s. Of five reports in a row, two fall on a pause.
    const levels = [-25, -66, -40, -28, -66];
    const turns = 100;
    scene.run(turns * 5_000, (at) => ({
      [Math.floor(at / 5_000) % 2 === 0 ? 'a' : 'b']: levels[(at / reportMs) % levels.length] ?? -25,
    }));
    // The scene begins and ends in the middle of a turn.
    expect(scene.changes.length).toBeLessThanOrEqual(2 * (turns + 1));
    expect(scene.changes.map(({ chosen }) => chosen)).not.toContain('');
  });

  it('does not give back the place of a quiet voice in the middle of what it says', () => {
    const scene = release(3, 'ab');
    const start = scene.now;
    scene.run(20_000, () => ({ a: -57 }));
    expect(scene.changes).toEqual([{ at: start, chosen: 'a' }]);
    scene.run(3_000, () => ({}));
    expect(scene.chosen).toBe('');
  });

  it('looks for no beginnings while every place is wanted', () => {
    const scene = release(2, 'abc');
    scene.run(3_000, () => ({ a: -25, b: -30, c: -35 }));
    expect(scene.selection.open).toBe(false);
    scene.run(3_000, () => ({ a: -25, c: -60 }));
    expect(scene.selection.open).toBe(true);
  });
});
