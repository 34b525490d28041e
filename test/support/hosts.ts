import type { NewRoom } from '../../dev/laravel/index.ts';
import { addRoom, enter, type TestMember } from './members.ts';
import type { TestServer } from './server.ts';

/** A room with one member of each role in it. */
export interface HostedRoom extends AsyncDisposable {
  readonly roomId: string;
  readonly owner: TestMember;
  readonly admin: TestMember;
  readonly member: TestMember;
}

/** Opens a room of its own owner. */
export async function openHostedRoom(
  server: TestServer,
  room: Partial<Omit<NewRoom, 'ownerId'>> = {},
): Promise<HostedRoom> {
  const { laravel } = server;
  const [ownerUser, adminUser] = [laravel.addUser({ name: 'Owner' }), laravel.addUser({ name: 'Admin' })];
  const roomId = addRoom(server, { ...room, ownerId: ownerUser.id });
  laravel.setAdmin(roomId, adminUser.id);
  const owner = await enter(server, roomId, { user: ownerUser });
  const [admin, member] = await Promise.all([enter(server, roomId, { user: adminUser }), enter(server, roomId)]);
  const close = async (): Promise<void> => {
    await Promise.all([owner, admin, member].map(({ client }) => client.close()));
  };
  return { roomId, owner, admin, member, [Symbol.asyncDispose]: close };
}
