import { performance } from 'node:perf_hooks';
import { countMediaObjects } from './admin.ts';
import { connect } from './client.ts';
import { addRoom } from './members.ts';
import { findKeysOfRoom } from './redis-keys.ts';
import type { TestServer } from './server.ts';

export interface JoinStormResult {
  readonly roomId: string;
  /** Time of each `room.join`, ms, shortest first; the sockets were open and authenticated. */
  readonly joinMs: readonly number[];
  /** From the first call to the last answer, ms. */
  readonly wallMs: number;
  /** What the snapshot says once everybody is in. */
  readonly participantCount: number;
  /** Routers of the room's media then. */
  readonly routers: number;
  /** Log lines of the server that say that the room was opened. */
  readonly openings: number;
}

/** What is left of a room. */
export interface Leftovers {
  readonly keys: readonly string[];
  readonly routers: number;
  readonly transports: number;
}

/**
 * Many users join one room at the same moment and leave it again at the same moment.
 *
 * @param logged - the server's log so far
 */
export async function runJoinStorm(
  server: TestServer,
  userCount: number,
  logged: () => string,
): Promise<JoinStormResult> {
  const roomId = addRoom(server);
  const users = Array.from({ length: userCount }, () => server.laravel.addUser({ name: 'Somebody' }));
  const clients = users.map(({ token }) => connect(server.url, token));
  try {
    await Promise.all(clients.map(({ trpc }) => trpc.media.capabilities.query()));

    const startedAt = performance.now();
    const joinMs = await Promise.all(
      clients.map(async ({ trpc }) => {
        const calledAt = performance.now();
        await trpc.room.join.mutate({ roomId });
        return performance.now() - calledAt;
      }),
    );
    const wallMs = performance.now() - startedAt;
    const [first] = clients;
    if (first === undefined) throw new RangeError('A storm needs a user');
    const { participantCount } = await first.trpc.room.get.query({ roomId });
    const { routers } = await countMediaObjects(server.url, server.internalKey);
    const openings = logged()
      .split('\n')
      .filter((line) => line.includes('"Room opened"') && line.includes(roomId)).length;
    await Promise.all(clients.map(({ trpc }) => trpc.room.leave.mutate({ roomId })));
    return { roomId, joinMs: joinMs.toSorted((a, b) => a - b), wallMs, participantCount, routers, openings };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** What Redis and the workers still hold of a room that everybody has left. */
export async function findLeftovers(server: TestServer, roomId: string): Promise<Leftovers> {
  const [keys, media] = await Promise.all([
    findKeysOfRoom(server.store, roomId),
    countMediaObjects(server.url, server.internalKey),
  ]);
  return { keys, ...media };
}

/** @param sorted - smallest first */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
