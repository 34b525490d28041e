import { readFile } from 'node:fs/promises';
import type { inferRouterOutputs } from '@trpc/server';
import { z } from 'zod';
import type { AppRouter } from '../../routers/index.ts';
import { CommandError } from '../server.ts';
import { LightClient } from './light-client.ts';

/** Rooms with the tokens of those who will join each. */
export type CrowdRooms = readonly { readonly id: string; readonly tokens: readonly string[] }[];

export interface Crowd {
  readonly rooms: CrowdRooms;
  /** Gives back what was made for the test. */
  release(): Promise<void>;
}

export interface CrowdSize {
  readonly rooms: number;
  /** In each room. */
  readonly members: number;
}

const crowdSchema = z.object({ rooms: z.array(z.object({ id: z.string(), tokens: z.array(z.string()) })) });

/**
 * Has the stand-in for Laravel make users and rooms.
 *
 * @throws CommandError when nobody answers there, or no stand-in does
 */
export async function askStandIn(url: string, internalKey: string, size: CrowdSize): Promise<Crowd> {
  const ask = async (path: string, body: object): Promise<Response> => {
    const response = await fetch(new URL(path, url), {
      method: 'POST',
      headers: { 'x-internal-key': internalKey, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).catch((error: unknown) => {
      throw new CommandError(3, `${url} cannot be reached: ${String(error)}`);
    });
    if (response.ok) return response;
    throw new CommandError(2, `${url} makes no users for tests (${response.status}): name a --token-file`);
  };
  const { rooms } = crowdSchema.parse(await (await ask('/stand-in/crowds', size)).json());
  const release = async (): Promise<void> => {
    await ask('/stand-in/crowds/end', { rooms: rooms.map(({ id }) => id) });
  };
  return { rooms, release };
}

/**
 * Takes tokens of users who are there for it, one a line, and rooms that are open.
 *
 * @param roomIds - empty: the first ones that the server lists
 * @throws CommandError when there are too few of either
 */
export async function readTokenFile(
  file: string,
  url: string,
  roomIds: readonly string[],
  { rooms, members }: CrowdSize,
): Promise<Crowd> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError(1, `--token-file: ${String(error)}`);
  });
  const tokens = text.split('\n').flatMap((line) => line.trim() || []);
  if (new Set(tokens).size < rooms * members) {
    throw new CommandError(1, `${file} has ${new Set(tokens).size} tokens, ${rooms * members} are needed`);
  }
  const ids = roomIds.length > 0 ? roomIds : await listRooms(url, tokens[0] ?? '');
  if (ids.length < rooms) throw new CommandError(1, `There are ${ids.length} rooms, ${rooms} are needed`);
  return {
    rooms: ids
      .slice(0, rooms)
      .map((id, index) => ({ id, tokens: tokens.slice(index * members, (index + 1) * members) })),
    release: async () => {},
  };
}

async function listRooms(url: string, token: string): Promise<string[]> {
  const client = await LightClient.connect(url, token);
  try {
    const rooms = await client.query<inferRouterOutputs<AppRouter>['room']['list']>('room.list', {});
    return rooms.map(({ roomId }) => roomId);
  } finally {
    client.terminate();
  }
}
