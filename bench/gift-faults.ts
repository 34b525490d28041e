/**
 * What becomes of gifts when everything fails: `node bench/gift-faults.ts [gifts]` (10,000 by default).
 *
 * 50 senders send each gift three times, to nodes that die by SIGKILL at eight named points, with a back end of which a
 * tenth of the requests each commits and does not answer in time, answers 500, or leaves items out, and which is away for
 * a while; then the same with Redis killed and restarted. Prints both tables. Fails when a gift was lost, charged twice or
 * out of its sender's order, when a sender did not get exactly one final word on each, or when the room did not see it.
 */
import assert from 'node:assert/strict';
import { brokenPromises, formatReport, runGiftFaults } from '../test/support/gift-faults.ts';

const gifts = Number(process.argv[2] ?? 10_000);
const senders = 50;
assert(Number.isInteger(gifts) && gifts >= senders, `usage: node bench/gift-faults.ts [gifts], at least ${senders}`);
const crowd = { senders, giftsEach: Math.ceil(gifts / senders), repeats: 3 };

for (const disturbances of [
  { killsPerPoint: 20, laravelDownMs: 5_000, redisKills: 0 },
  { killsPerPoint: 1, laravelDownMs: 2_000, redisKills: 5 },
]) {
  const report = await runGiftFaults({ ...crowd, ...disturbances });
  console.log(`${formatReport(report)}\n`);
  const broken = Object.entries(brokenPromises(report)).filter(([, count]) => count !== 0);
  assert.deepEqual(broken, []);
}
// A stock client that is closed in the middle of a subscription may try for ever to reach a dead node.
process.exit();
