import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal, refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('chat', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('carries a message to everybody, the sender included, with id, time and profile of the server', async () => {
    const roomId = addRoom(server);
    const ada = server.laravel.addUser({ name: 'Ada', avatar: 'https://example.com/ada.png' });
    await using sender = await enter(server, roomId, { user: ada });
    await using listener = await enter(server, roomId);
    using own = await follow(sender, 'chat');
    using others = await follow(listener, 'chat');
    const before = Date.now();
    const message = await sender.trpc.chat.send.mutate({ roomId, content: '  Hello, 世界 👋🏽\n\tand goodbye ' });
    expect(message).toEqual({
      type: 'text',
      replyTo: null,
      id: expect.stringMatching(/^\d+-\d+$/) as string,
      sender: { id: ada.id, name: 'Ada', avatar: 'https://example.com/ada.png' },
      content: 'Hello, 世界 👋🏽\n\tand goodbye',
      sentAt: expect.any(Number) as number,
      clientMessageId: null,
    });
    expect(message.sentAt).toBeGreaterThanOrEqual(before - 1_000);
    expect(message.sentAt).toBeLessThanOrEqual(Date.now() + 1_000);
    for (const feed of [own, others]) {
      await eventually(() => expect(feed.events).toEqual([{ type: 'message', message }]));
    }
  });

  it.each([
    ['nothing', ''],
    ['only blanks', ' \n\t '],
    ['501 characters', 'x'.repeat(501)],
    ['a null character', 'a\u0000b'],
    ['an escape sequence', '\u001b[31mred'],
    ['a C1 control', 'a\u009bb'],
    ['a text direction override', 'abc\u202Edef'],
    ['a direction isolate', 'abc\u2066def'],
  ])('refuses %s', async (_, content) => {
    await using member = await enter(server, addRoom(server));
    const { roomId } = member;
    expect(await refusalOf(member.trpc.chat.send.mutate({ roomId, content }))).toBe('BAD_INPUT');
    expect((await member.trpc.chat.history.query({ roomId })).messages).toEqual([]);
  });

  it.each([
    ['one character', 'x'],
    ['500 characters', 'x'.repeat(500)],
    ['500 characters between blanks', `  ${'x'.repeat(500)}  `],
    ['quotes, braces and backslashes', `{"type":"message"} \\" '--' ]] %s \u2028`],
    ['HTML, as text', '<script>alert(1)</script>'],
  ])('takes %s', async (_, content) => {
    await using member = await enter(server, addRoom(server));
    const { roomId } = member;
    using chat = await follow(member, 'chat');
    const message = await member.trpc.chat.send.mutate({ roomId, content });
    expect(message.content).toBe(content.trim());
    await eventually(() => expect(chat.events).toEqual([{ type: 'message', message }]));
    expect((await member.trpc.chat.history.query({ roomId })).messages).toEqual([message]);
  });

  it('refuses what a client makes up about itself', async () => {
    await using member = await enter(server, addRoom(server));
    const { roomId } = member;
    const forged = { roomId, content: 'Hi', sender: { id: 1, name: 'Admin' } };
    expect(await refusalOf(member.trpc.chat.send.mutate(forged))).toBe('BAD_INPUT');
  });

  it('keeps its history and pages through it, oldest first, each message once', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    for (let index = 1; index <= 25; index += 1) {
      await member.trpc.chat.send.mutate({ roomId, content: `message ${index}` });
    }
    const read: string[][] = [];
    let before: string | undefined;
    let hasMore = true;
    while (hasMore) {
      const page = await member.trpc.chat.history.query({
        roomId,
        limit: 10,
        ...(before === undefined ? {} : { before }),
      });
      read.unshift(page.messages.map(({ content }) => content));
      before = page.messages[0]?.id;
      hasMore = page.hasMore;
    }
    expect(read.map((page) => page.length)).toEqual([5, 10, 10]);
    expect(read.flat()).toEqual(Array.from({ length: 25 }, (_, index) => `message ${index + 1}`));
    await using late = await enter(server, roomId);
    expect((await late.trpc.chat.history.query({ roomId })).messages).toHaveLength(25);
  });

  it('says a message once when the client sends it twice with its own id', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    using chat = await follow(member, 'chat');
    const input = { roomId, content: 'Once', clientMessageId: randomUUID() };
    const [first, second] = await Promise.all([
      member.trpc.chat.send.mutate(input),
      member.trpc.chat.send.mutate(input),
    ]);
    const third = await member.trpc.chat.send.mutate({ ...input, content: 'Changed' });
    expect(second).toEqual(first);
    expect(third).toEqual(first);
    expect(first.clientMessageId).toBe(input.clientMessageId);
    await member.trpc.chat.send.mutate({ roomId, content: 'Next' });
    await eventually(() => expect(chat.of('message').at(-1)?.message.content).toBe('Next'));
    expect(chat.of('message').map(({ message }) => message.content)).toEqual(['Once', 'Next']);
    expect((await member.trpc.chat.history.query({ roomId })).messages).toHaveLength(2);
  });

  it("does not confuse two users' messages with the same client-made id", async () => {
    const roomId = addRoom(server);
    await using one = await enter(server, roomId);
    await using two = await enter(server, roomId);
    const clientMessageId = randomUUID();
    const [first, second] = await Promise.all([
      one.trpc.chat.send.mutate({ roomId, content: 'One', clientMessageId }),
      two.trpc.chat.send.mutate({ roomId, content: 'Two', clientMessageId }),
    ]);
    expect([first.content, second.content]).toEqual(['One', 'Two']);
    expect(first.id).not.toBe(second.id);
  });

  it('lets 60 messages a minute through and then says when to try again, on every connection of the user', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    const say = (count: number) =>
      Promise.allSettled(
        Array.from({ length: count }, (_, index) => member.trpc.chat.send.mutate({ roomId, content: `text ${index}` })),
      );
    // Two frames: one takes 50 calls at most.
    const outcomes = [...(await say(35)), ...(await say(35))];
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(60);
    await using tab = await enter(server, roomId, { user: member.user });
    const refused = await refusal(tab.trpc.chat.send.mutate({ roomId, content: 'One more' }));
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
    await using other = await enter(server, roomId);
    expect(await other.trpc.chat.send.mutate({ roomId, content: 'Not me' })).toMatchObject({ content: 'Not me' });
    expect((await other.trpc.chat.history.query({ roomId, limit: 100 })).messages).toHaveLength(61);
  });

  it('answers what was said already to a repetition above the limit', async () => {
    const roomId = addRoom(server);
    await using member = await enter(server, roomId);
    const { send } = member.trpc.chat;
    const input = { roomId, content: 'Once', clientMessageId: randomUUID() };
    const first = await send.mutate(input);
    const rest = Array.from({ length: 40 }, (_, index) => index);
    await Promise.allSettled(rest.map((index) => send.mutate({ roomId, content: `text ${index}` })));
    await Promise.allSettled(rest.map((index) => send.mutate({ roomId, content: `more ${index}` })));
    expect(await send.mutate(input)).toEqual(first);
    expect(await refusalOf(send.mutate({ ...input, clientMessageId: randomUUID() }))).toBe('RATE_LIMITED');
  });

  it('keeps the order in which the server took the messages, for everybody', async () => {
    const roomId = addRoom(server);
    const members = await Promise.all(Array.from({ length: 5 }, () => enter(server, roomId)));
    const feeds = await Promise.all(members.map((member) => follow(member, 'chat')));
    await Promise.all(
      members.flatMap(({ trpc }, who) =>
        Array.from({ length: 20 }, (_, index) => trpc.chat.send.mutate({ roomId, content: `${who}-${index}` })),
      ),
    );
    for (const feed of feeds) await eventually(() => expect(feed.events).toHaveLength(100));
    const [reference, ...others] = feeds.map((feed) => feed.of('message').map(({ message }) => message.id));
    for (const order of others) expect(order).toEqual(reference);
    const history = await members[0]?.trpc.chat.history.query({ roomId, limit: 100 });
    expect(history?.messages.map(({ id }) => id)).toEqual(reference);
    await Promise.all(members.map((member) => member.client.close()));
  });
});
