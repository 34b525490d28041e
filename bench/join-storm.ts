/**
 * How long joining takes when everybody comes at once: `node bench/join-storm.ts [users]` (200 by default).
 *
 * Server, Redis, the stand-in for Laravel and all clients share the machine. Fails when the room was not opened exactly
 * once, or when anything of it is left afterwards.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '../src/core/logger.ts';
import { findLeftovers, percentile, runJoinStorm } from '../test/support/join-storm.ts';
import { startTestServer } from '../test/support/server.ts';

const userCount = Number(process.argv[2] ?? 200);
assert(Number.isInteger(userCount) && userCount > 0, 'usage: node bench/join-storm.ts [users]');
/** Idle time, the pause between two calls to Laravel, and some. */
const cleanUpMs = 8_000;

const logged: string[] = [];
await using server = await startTestServer({
  env: { ROOM_IDLE_SECONDS: '1' },
  logger: createLogger('info', { write: (line) => void logged.push(line) }),
});
const storm = await runJoinStorm(server, userCount, () => logged.join(''));
const ms = (value: number): string => `${value.toFixed(0)} ms`;
console.log(
  `${userCount} users joined in ${ms(storm.wallMs)}: p50 ${ms(percentile(storm.joinMs, 0.5))}, ` +
    `p99 ${ms(percentile(storm.joinMs, 0.99))}, longest ${ms(percentile(storm.joinMs, 1))}`,
);
assert.equal(storm.participantCount, userCount);
assert.equal(storm.openings, 1, 'the room was opened once');
assert.equal(storm.routers, 1, 'one router');

await sleep(cleanUpMs);
assert.deepEqual(await findLeftovers(server, storm.roomId), { keys: [], routers: 0, transports: 0 });
const statuses = server.laravel.statusCalls().filter(({ roomId }) => roomId === storm.roomId);
console.log(
  `${statuses.length} calls to Laravel: ` +
    statuses.map((status) => `${status.is_live ? 'live' : 'closed'} with ${status.participant_count}`).join(', '),
);
assert(statuses[0]?.is_live === true && statuses.at(-1)?.is_live === false, 'live first, closed last');
assert.equal(statuses.filter((status) => !status.is_live).length, 1, 'closed once');
