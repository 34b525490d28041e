import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RoomActivity } from '../../src/core/events.ts';
import { connectOperator } from '../support/admin.ts';
import { refusal, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { openHostedRoom } from '../support/hosts.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

describe('chat', () => {
  let server: TestServer;
  let other: OtherServer;

  beforeAll(async () => {
    server = await startTestServer();
    other = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const say = ({ trpc, roomId }: TestMember, content: string, replyTo?: string) =>
    trpc.chat.send.mutate({ roomId, content, ...(replyTo === undefined ? {} : { replyTo }) });
  const history = async ({ trpc, roomId }: TestMember) => (await trpc.chat.history.query({ roomId })).messages;

  it('quotes what a message answers, by the server and cut between characters', async () => {
    const roomId = addRoom(server);
    await using ada = await enter(server, roomId, { user: server.laravel.addUser({ name: 'Ada "A"' }) });
    await using grace = await enter(server, roomId);
    using chat = await follow(ada, 'chat');
    const original = await say(ada, `${'👋🏽'.repeat(70)} \\ "quoted"`);
    const reply = await say(grace, 'Hello yourself', original.id);
    expect(reply.replyTo).toEqual({ id: original.id, senderName: 'Ada "A"', excerpt: '👋🏽'.repeat(60) });
    await eventually(() => expect(chat.of('message').at(-1)?.message).toEqual(reply));
    expect(await history(grace)).toEqual([original, reply]);
    expect(await refusalOf(say(grace, 'To nothing', '1-0'))).toBe('MESSAGE_NOT_FOUND');
  });

  it('lets authors take back what they said, and hosts what those below them said', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    await using another = await enter(server, roomId);
    const otherAdminUser = server.laravel.addUser({ name: 'Admin too' });
    server.laravel.setAdmin(roomId, otherAdminUser.id);
    await using otherAdmin = await enter(server, roomId, { user: otherAdminUser });
    using chat = await follow(another, 'chat');
    const remove = (by: TestMember, messageId: string) => by.trpc.chat.delete.mutate({ roomId, messageId });

    const [byOwner, byAdmin, byMember] = [await say(owner, 'o'), await say(admin, 'a'), await say(member, 'm')];
    for (const [by, message] of [
      [admin, byOwner],
      [member, byOwner],
      [member, byAdmin],
      [another, byMember],
    ] as const) {
      expect(await refusalOf(remove(by, message.id))).toBe('NOT_ALLOWED');
    }
    const quoting = await say(another, 'What?', byMember.id);
    // Nor what they said before they left.
    const byOtherAdmin = await say(otherAdmin, 'a2');
    for (const { trpc } of [otherAdmin, owner]) await trpc.room.leave.mutate({ roomId });
    for (const message of [byOtherAdmin, byOwner])
      expect(await refusalOf(remove(admin, message.id))).toBe('NOT_ALLOWED');
    await owner.trpc.room.join.mutate({ roomId });
    await remove(admin, byMember.id);
    await remove(owner, byAdmin.id);
    await remove(owner, byOwner.id);
    await remove(owner, byOtherAdmin.id);
    const deletions = [
      { type: 'messageDeleted', messageId: byMember.id, by: admin.user.id },
      { type: 'messageDeleted', messageId: byAdmin.id, by: owner.user.id },
      { type: 'messageDeleted', messageId: byOwner.id, by: owner.user.id },
      { type: 'messageDeleted', messageId: byOtherAdmin.id, by: owner.user.id },
    ];
    await eventually(() => expect(chat.of('messageDeleted')).toEqual(deletions));
    // What was deleted does not live on in a quotation.
    expect(await history(member)).toEqual([{ ...quoting, replyTo: { ...quoting.replyTo, excerpt: '' } }]);

    // After a lost answer the same call is granted; for others the message is gone.
    await remove(admin, byMember.id);
    expect(await refusalOf(remove(member, byMember.id))).toBe('MESSAGE_NOT_FOUND');
    expect(await refusalOf(say(member, 'Re', byMember.id))).toBe('MESSAGE_NOT_FOUND');
    expect(chat.of('messageDeleted')).toHaveLength(4);
  });

  it('does not bring back a deleted message when it is sent again, nor let hosts delete what the server said', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, member } = hosted;
    const input = { roomId, content: 'Oops', clientMessageId: crypto.randomUUID() };
    const { id } = await member.trpc.chat.send.mutate(input);
    expect((await member.trpc.chat.send.mutate(input)).id).toBe(id);
    await member.trpc.chat.delete.mutate({ roomId, messageId: id });
    expect(await refusalOf(member.trpc.chat.send.mutate(input))).toBe('MESSAGE_NOT_FOUND');
    const system = await connectOperator(server.url, server.internalKey).admin.rooms.announce.mutate({
      roomId,
      content: 'Be kind',
    });
    expect(await refusalOf(owner.trpc.chat.delete.mutate({ roomId, messageId: system.id }))).toBe('NOT_ALLOWED');
    expect(await history(member)).toEqual([system]);
  });

  it('is taken from a member by a host, through leaving and coming back, until it is given back', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin, member } = hosted;
    using room = await follow(admin, 'room');
    const target = { roomId, userId: member.user.id };
    await admin.trpc.chat.mute.mutate(target);
    await admin.trpc.chat.mute.mutate(target);
    expect(await refusalOf(say(member, 'Hey'))).toBe('CHAT_MUTED');
    await member.trpc.room.leave.mutate({ roomId });
    const { snapshot } = await member.trpc.room.join.mutate({ roomId });
    expect(snapshot.participants.find(({ userId }) => userId === member.user.id)).toMatchObject({ chatMuted: true });
    expect(await refusalOf(say(member, 'Hey'))).toBe('CHAT_MUTED');
    await admin.trpc.chat.unmute.mutate(target);
    await say(member, 'Sorry');
    const change = { type: 'chatMuteChanged', userId: member.user.id, by: admin.user.id };
    await eventually(() =>
      expect(room.of('chatMuteChanged')).toEqual([
        { ...change, muted: true },
        { ...change, muted: false },
      ]),
    );
    const nobody = { roomId, userId: 987_654_321 };
    expect(await refusalOf(admin.trpc.chat.mute.mutate(nobody))).toBe('MEMBER_NOT_FOUND');
    await admin.trpc.chat.unmute.mutate(nobody);
  });

  it('slows members down, not hosts, by a wait that is true', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, owner, admin, member } = hosted;
    using room = await follow(member, 'room');
    await admin.trpc.chat.setSlowMode.mutate({ roomId, seconds: 4 });
    await admin.trpc.chat.setSlowMode.mutate({ roomId, seconds: 4 });
    expect((await member.trpc.room.get.query({ roomId })).slowModeSeconds).toBe(4);
    await say(member, 'One');
    const { code, retryAfterMs } = await refusal(say(member, 'Two'));
    expect(code).toBe('SLOW_MODE');
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(4_000);
    for (const host of [owner, admin]) for (const text of ['a', 'b']) await say(host, text);
    // Who has spoken is known for as long as it matters.
    await using other = await enter(server, roomId);
    await say(other, 'Me too');
    const known = () => server.store.zrange(`room:chat-times:{${roomId}}`, 0, '-1');
    expect(await known()).toEqual([member, other].map(({ user }) => String(user.id)));
    await sleep((retryAfterMs ?? 0) + 5);
    await say(member, 'Two');
    // A repetition of what was said is no new message.
    await sleep(4_005);
    const input = { roomId, content: 'Three', clientMessageId: crypto.randomUUID() };
    const first = await member.trpc.chat.send.mutate(input);
    expect(await member.trpc.chat.send.mutate(input)).toEqual(first);
    expect(await known()).toEqual([String(member.user.id)]);
    await admin.trpc.chat.setSlowMode.mutate({ roomId, seconds: 0 });
    for (const text of ['Four', 'Five']) await say(member, text);
    await eventually(() => expect(room.of('slowModeChanged').map(({ seconds }) => seconds)).toEqual([4, 0]));
  });

  it('admits of many messages at one moment the one that slow mode allows', async () => {
    await using hosted = await openHostedRoom(server);
    const { roomId, admin, member } = hosted;
    await admin.trpc.chat.setSlowMode.mutate({ roomId, seconds: 3_600 });
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => say(member, 'Spam')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await history(member)).toHaveLength(1);
  });

  it('shows reactions on all nodes, counted together, and one a user and 1.5 s', async () => {
    const roomId = addRoom(server);
    await using here = await enter(server, roomId);
    await using there = await enter(server, roomId, { url: other.url });
    const seen: RoomActivity[] = [];
    const subscription = there.trpc.room.onActivity.subscribe(
      { roomId },
      { onData: (activity) => seen.push(activity) },
    );
    await eventually(() => expect(seen.length).toBeGreaterThan(0));
    const crowd = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        enter(server, roomId, { url: index % 2 === 0 ? server.url : other.url }),
      ),
    );
    try {
      await Promise.all(crowd.map(({ trpc }) => trpc.room.react.mutate({ roomId, kind: 'heart' })));
      await here.trpc.room.react.mutate({ roomId, kind: 'fire' });
      const counted = (kind: string): number =>
        seen
          .flatMap(({ reactions }) => reactions)
          .reduce((sum, each) => sum + (each.kind === kind ? each.count : 0), 0);
      await eventually(() => expect([counted('heart'), counted('fire')]).toEqual([20, 1]));
      expect(seen.filter(({ reactions }) => reactions.length > 0).length).toBeLessThan(10);

      const { code, retryAfterMs } = await refusal(here.trpc.room.react.mutate({ roomId, kind: 'clap' }));
      expect(code).toBe('RATE_LIMITED');
      expect(retryAfterMs).toBeLessThanOrEqual(1_500);
      await sleep(retryAfterMs ?? 0);
      await here.trpc.room.react.mutate({ roomId, kind: 'clap' });
      await eventually(() => expect(counted('clap')).toBe(1));
      await sleep(600);
      expect([counted('heart'), counted('fire'), counted('clap')]).toEqual([20, 1, 1]);
    } finally {
      subscription.unsubscribe();
      await Promise.all(crowd.map(({ client }) => client.close()));
    }
  });
});
