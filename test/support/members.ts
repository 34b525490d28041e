import type { inferRouterOutputs } from '@trpc/server';
import type { NewRoom, UserWithToken } from '../../dev/laravel/index.ts';
import type { AppRouter } from '../../src/routers/index.ts';
import { connect, type TestClient } from './client.ts';
import type { TestServer } from './server.ts';

export type Joined = inferRouterOutputs<AppRouter>['room']['join'];

/** A user in a room, over a connection of their own. */
export interface TestMember extends AsyncDisposable {
  readonly user: UserWithToken;
  readonly roomId: string;
  readonly client: TestClient;
  readonly trpc: TestClient['trpc'];
  /** What joining answered. */
  readonly joined: Joined;
}

export interface EnterOptions {
  /** A new user by default. */
  readonly user?: UserWithToken;
  /** The server to connect to; the first one by default. */
  readonly url?: string;
  /** The session to continue. */
  readonly sessionId?: string;
  /** The address that a proxy in front says the client has. */
  readonly forwardedFor?: string;
}

/** A room that no other test uses; its id. */
export function addRoom({ laravel }: TestServer, room: Partial<NewRoom> = {}): string {
  return laravel.addRoom({ title: 'A test', ownerId: laravel.users[0]?.id ?? 1, ...room }).id;
}

/** Connects and joins. */
export async function enter(
  server: TestServer,
  roomId: string,
  { user = server.laravel.addUser({ name: 'Somebody' }), url = server.url, sessionId, forwardedFor }: EnterOptions = {},
): Promise<TestMember> {
  const client = connect(url, user.token, { forwardedFor });
  try {
    const joined = await client.trpc.room.join.mutate({ roomId, ...(sessionId === undefined ? {} : { sessionId }) });
    return { user, roomId, client, trpc: client.trpc, joined, [Symbol.asyncDispose]: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}
