import { enter, type TestMember } from '../../test/support/members.ts';
import type { TestServer } from '../../test/support/server.ts';

/** Somebody with a receive transport that is never connected. */
export async function listenSilently(server: TestServer, roomId: string): Promise<TestMember> {
  const member = await enter(server, roomId);
  await member.trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
  return member;
}
