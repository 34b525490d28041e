import { describe, expect, it } from 'vitest';
import { createTalk, silentFrame, silentFrom, voiceFrames } from './talk.ts';

describe('talk', () => {
  it('has one at a time talk in a conversation, for 3 to 8 s each', () => {
    const talk = createTalk('conversation', 5);
    const turns: { talker: number; since: number }[] = [];
    for (let now = 0; now < 120_000; now += 20) {
      const talkers = [0, 1, 2, 3, 4].filter((speaker) => talk.levelOf(speaker, now) < silentFrom);
      expect(talkers).toHaveLength(1);
      const talker = talkers[0] ?? NaN;
      if (turns.at(-1)?.talker !== talker) turns.push({ talker, since: now });
    }
    expect(turns.length).toBeGreaterThan(10);
    for (const [index, { since }] of turns.slice(1).entries()) {
      const lasted = since - (turns[index]?.since ?? NaN);
      expect(lasted).toBeGreaterThanOrEqual(3_000);
      expect(lasted).toBeLessThanOrEqual(8_040);
    }
  });

  it('goes on with a single speaker', () => {
    const talk = createTalk('conversation', 1);
    for (let now = 0; now < 30_000; now += 1_000) expect(talk.levelOf(0, now)).toBeLessThan(silentFrom);
  });

  it('has all talk at once, at levels that a packet can say', () => {
    const talk = createTalk('all', 30);
    for (let speaker = 0; speaker < 30; speaker += 1) {
      const level = talk.levelOf(speaker, 0);
      expect(level).toBeGreaterThan(0);
      expect(level).toBeLessThan(silentFrom);
      expect(Number.isInteger(level)).toBe(true);
    }
  });

  it.each([20, 40, 60] as const)('says a second of Opus in packets of %i ms', (packetTime) => {
    const frames = voiceFrames(packetTime);
    expect(frames.length * packetTime).toBeGreaterThanOrEqual(960);
    // About 32 kbit/s.
    const bytes = frames.reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeGreaterThan(2_000);
    expect(bytes).toBeLessThan(6_000);
    expect(silentFrame(packetTime).length).toBeLessThan(bytes / frames.length);
  });
});
