import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/core/logger.ts';
import { eventually } from '../support/eventually.ts';
import { findLeftovers, runJoinStorm } from '../support/join-storm.ts';
import { startTestServer } from '../support/server.ts';

describe('a join storm', () => {
  it('of 200 users opens the room once, tells Laravel little, and leaves nothing', async () => {
    const logged: string[] = [];
    await using server = await startTestServer({
      env: { ROOM_IDLE_SECONDS: '1' },
      logger: createLogger('info', { write: (line) => void logged.push(line) }),
    });
    const beganAt = performance.now();
    const storm = await runJoinStorm(server, 200, () => logged.join(''));
    expect(storm.participantCount).toBe(200);
    expect(storm.openings).toBe(1);
    // The stage; nobody has asked for a receive transport.
    expect(storm.routers).toBe(1);

    await eventually(async () =>
      expect(await findLeftovers(server, storm.roomId)).toEqual({ keys: [], routers: 0, transports: 0 }),
    );
    const statuses = () => server.laravel.statusCalls().filter(({ roomId }) => roomId === storm.roomId);
    await eventually(() => expect(statuses().at(-1)).toMatchObject({ is_live: false, participant_count: 0 }));
    expect(statuses()[0]).toMatchObject({ is_live: true, closed_at: null });
    expect(statuses().filter((status) => !status.is_live)).toHaveLength(1);
    // At most one call in 3 s beside the first and the last, although the count changed 400 times.
    expect(statuses().length).toBeLessThanOrEqual(2 + Math.ceil((performance.now() - beganAt) / 3_000));
  });
});
