import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareEventIds } from '../../src/core/ids.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { readMetric } from '../support/metrics.ts';
import { type OtherServer, startTestServer, type TestServer } from '../support/server.ts';

const logLength = 100;

describe('resuming a subscription', () => {
  let server: TestServer;
  let other: OtherServer;

  beforeAll(async () => {
    server = await startTestServer({
      env: {
        ROOM_EVENT_LOG_LENGTH: String(logLength),
        RATE_LIMIT_MESSAGES_PER_MINUTE: '100000',
        RATE_LIMIT_CALLS_PER_SECOND: '100000',
      },
    });
    other = await server.startAnother();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function say({ trpc, roomId }: TestMember, from: number, to: number): Promise<string[]> {
    const texts = Array.from({ length: to - from + 1 }, (_, index) => `message ${from + index}`);
    for (const content of texts) await trpc.chat.send.mutate({ roomId, content });
    return texts;
  }

  it.each([
    ['the same node', () => server.url],
    ['another node', () => other.url],
  ])('on %s after a cut delivers exactly what was missed, in order, and then what comes', async (_, url) => {
    const roomId = addRoom(server);
    await using speaker = await enter(server, roomId);
    const lost = await enter(server, roomId);
    const before = await follow(lost, 'chat');
    await say(speaker, 1, 3);
    await eventually(() => expect(before.events).toHaveLength(3));
    lost.client.cut();

    await say(speaker, 4, 20);
    await using back = await enter(server, roomId, {
      user: lost.user,
      sessionId: lost.joined.sessionId,
      url: url(),
    });
    using after = await follow(back, 'chat', before.cursor);
    await say(speaker, 21, 25);
    await eventually(() => expect(after.events).toHaveLength(22));
    expect(after.of('message').map(({ message }) => message.content)).toEqual(
      Array.from({ length: 22 }, (_item, index) => `message ${index + 4}`),
    );
    expect(after.types()).not.toContain('resync');
  });

  it('from the cursor of the snapshot misses nothing that happened between joining and subscribing', async () => {
    const roomId = addRoom(server);
    await using speaker = await enter(server, roomId);
    await using late = await enter(server, roomId);
    const texts = await say(speaker, 1, 10);
    using chat = await follow(late, 'chat', late.joined.snapshot.cursor);
    await eventually(() => expect(chat.of('message').map(({ message }) => message.content)).toEqual(texts));
  });

  it('of one topic with a cursor from another works, since they share one log', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    using room = await follow(member, 'room');
    await member.trpc.seat.take.mutate({ roomId });
    await eventually(() => expect(room.types()).toEqual(['seatTaken']));
    await say(member, 1, 2);
    using chat = await follow(member, 'chat', room.cursor);
    await eventually(() => expect(chat.events).toHaveLength(2));
  });

  it.each([
    ['older than everything', '1-0'],
    ['from the future', '9999999999999-0'],
    ['that no number can hold exactly', '9999999999999999-9999999999999999'],
  ])('from a forged cursor %s gives one resync with the whole room, then what comes', async (_, cursor) => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    await member.trpc.seat.take.mutate({ roomId, seat: 7 });
    await say(member, 1, 5);
    using chat = await follow(member, 'chat', cursor);
    await eventually(() => expect(chat.events.length).toBeGreaterThan(0));
    await say(member, 6, 6);
    await eventually(() => expect(chat.of('message').at(-1)?.message.content).toBe('message 6'));
    expect(chat.types()).toEqual(['resync', 'message']);
    const [resync] = chat.of('resync');
    expect(resync?.snapshot).toMatchObject({ roomId, participantCount: 1 });
    expect(resync?.snapshot.seats[7]?.userId).toBe(member.user.id);
  });

  it('from a cursor that was trimmed gives one resync, after which nothing is missed', async () => {
    const roomId = addRoom(server);
    await using speaker = await enter(server, roomId);
    const lost = await enter(server, roomId);
    const before = await follow(lost, 'chat');
    await say(speaker, 1, 1);
    await eventually(() => expect(before.events).toHaveLength(1));
    lost.client.cut();
    await say(speaker, 2, 3 * logLength + 50);
    expect(await server.store.xlen(`room:events:{${roomId}}`)).toBeLessThan(3 * logLength);

    const resyncs = await readMetric(other.url, 'flylive_resyncs_total');
    // A node that did not follow the room meanwhile has nothing of it in memory.
    await using back = await enter(server, roomId, { user: lost.user, url: other.url });
    using after = await follow(back, 'chat', before.cursor);
    await eventually(() => expect(after.types()).toEqual(['resync']));
    const texts = await say(speaker, 1_001, 1_010);
    await eventually(() => expect(after.of('message')).toHaveLength(10));
    expect(after.of('message').map(({ message }) => message.content)).toEqual(texts);
    expect(after.of('resync')).toHaveLength(1);
    expect(after.of('resync')[0]?.snapshot.participantCount).toBe(2);
    expect(await readMetric(other.url, 'flylive_resyncs_total')).toBe(resyncs + 1);
  });

  it('that was quiet while the log moved past its cursor misses nothing, and is told so: no resync', async () => {
    const roomId = addRoom(server);
    await using speaker = await enter(server, roomId);
    const lost = await enter(server, roomId);
    const topics = ['room', 'media', 'gift'] as const;
    const before = await Promise.all(topics.map((topic) => follow(lost, topic)));
    await say(speaker, 1, 3 * logLength);
    await eventually(async () => {
      const entries = await server.store.xrange(`room:events:{${roomId}}`, '-', '+', 'COUNT', 1);
      const [oldest = ''] = entries[0] ?? [];
      for (const { cursor } of before) expect(compareEventIds(cursor, oldest)).toBeGreaterThan(0);
    });
    lost.client.cut();

    // That node has nothing of the room in memory.
    await using back = await enter(server, roomId, { user: lost.user, url: other.url });
    const after = await Promise.all(topics.map((topic, index) => follow(back, topic, before[index]?.cursor)));
    await speaker.trpc.seat.take.mutate({ roomId, seat: 3 });
    await eventually(() => expect(after[0]?.types()).toContain('seatTaken'));
    for (const { events } of after) expect(events.map(({ type }) => type)).not.toContain('resync');
  });

  it('moves the cursor over what was missed of other topics, so that it is not read again', async () => {
    const roomId = addRoom(server);
    await using speaker = await enter(server, roomId);
    await using member = await enter(server, roomId);
    const { cursor } = member.joined.snapshot;
    await say(speaker, 1, logLength - 10);
    using room = await follow(member, 'room', cursor);
    await eventually(() => expect(compareEventIds(room.cursor, cursor)).toBeGreaterThan(0));
    expect(room.events).toEqual([]);
  });

  it('does not show what was meant for somebody else', async () => {
    const roomId = addRoom(server);
    await using observer = await enter(server, roomId);
    const older = await enter(server, roomId);
    await using newer = await enter(server, roomId, { user: older.user });
    await newer.trpc.seat.take.mutate({ roomId });
    using room = await follow(observer, 'room', observer.joined.snapshot.cursor);
    await eventually(() => expect(room.types()).toContain('seatTaken'));
    expect(room.types()).toEqual(['userJoined', 'seatTaken']);
    await older.client.close();
  });

  it('delivers the newest activity: how many are here, as people come and go', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    const counts: number[] = [];
    const subscription = member.trpc.room.onActivity.subscribe(
      { roomId },
      {
        onData: ({ levels, participantCount }) => {
          expect(levels).toEqual([]);
          counts.push(participantCount);
        },
      },
    );
    await eventually(() => expect(counts.at(-1)).toBe(1));
    const guests = await Promise.all(Array.from({ length: 10 }, () => enter(server, roomId)));
    await eventually(() => expect(counts.at(-1)).toBe(11));
    // Conflated: one count a second, not one a join.
    expect(counts.length).toBeLessThan(6);
    await Promise.all(guests.map((guest) => guest.trpc.room.leave.mutate({ roomId })));
    await eventually(() => expect(counts.at(-1)).toBe(1));
    subscription.unsubscribe();
    await Promise.all(guests.map((guest) => guest.client.close()));
  });
});
