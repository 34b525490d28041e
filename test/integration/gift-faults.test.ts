import { describe, expect, it } from 'vitest';
import { crashPoints } from '../support/crash-points.ts';
import { brokenPromises, type GiftFaultsReport, runGiftFaults } from '../support/gift-faults.ts';

/** The short form of bench/gift-faults.ts. */
const crowd = { senders: 10, giftsEach: 30, repeats: 3 };
const expectKept = (report: GiftFaultsReport): void => {
  const broken = Object.entries(brokenPromises(report)).filter(([, count]) => count !== 0);
  expect(broken).toEqual([]);
};

describe('no gift is lost, none is charged twice, and each sender gets one final word', () => {
  it('when nodes die at every point, and the back end fails, forgets to answer and is away', async () => {
    const report = await runGiftFaults({ ...crowd, killsPerPoint: 1, laravelDownMs: 1_000, redisKills: 0 });
    expectKept(report);
    expect(report.kills).toEqual(Object.fromEntries(crashPoints.map((point) => [point, 1])));
    expect(report.gifts).toBeGreaterThanOrEqual(crowd.senders * crowd.giftsEach);
    expect(report.settled + report.rejected).toBe(report.gifts);
    expect(report.rejected).toBeGreaterThan(0);
    expect(report.faults).toBeGreaterThan(0);
  }, 180_000);

  it('when Redis is killed and started again', async () => {
    const report = await runGiftFaults({ ...crowd, killsPerPoint: 0, laravelDownMs: 0, redisKills: 2 });
    expectKept(report);
    expect(report.settled + report.rejected).toBe(crowd.senders * crowd.giftsEach);
  }, 120_000);
});
