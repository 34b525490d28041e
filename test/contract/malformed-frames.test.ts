import superjson from 'superjson';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { addRoom } from '../support/members.ts';
import { type Answer, RawSocket } from '../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** A call as tRPC's client writes it. */
function frameOf(id: unknown, path: unknown, input?: unknown, method: unknown = 'query'): string {
  return JSON.stringify({ id, method, params: { path, input: superjson.serialize(input) } });
}

const codeOf = (answer: Answer | undefined): string | undefined => answer?.error?.json.data.appCode;

describe('a frame that no tRPC client sends', () => {
  let server: TestServer;
  let socket: RawSocket;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    socket = await RawSocket.open(server.url, server.laravel.addUser({ name: 'Odd' }).token);
    await expectService();
    return () => socket[Symbol.asyncDispose]();
  });

  /** The connection still works. */
  async function expectService(): Promise<void> {
    const id = socket.nextId();
    const [answer] = await socket.ask([frameOf(id, 'media.capabilities')], [id]);
    expect(answer?.error).toBeUndefined();
    expect(answer?.result).toHaveProperty('data');
    expect(socket.closeCode).toBeNull();
  }

  it.each<[string, string | Buffer]>([
    ['not JSON', 'hello'],
    ['empty', ''],
    ['half a message', '{"id":1,"method":"qu'],
    ['null', 'null'],
    ['a number', '42'],
    ['a text', '"query"'],
    ['an empty object', '{}'],
    ['a list in a list', '[[[]]]'],
    ['binary nonsense', Buffer.from([0, 255, 254, 1, 2, 3])],
    ['invalid UTF-8 in binary', Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ['nested 20,000 levels deep', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
    ['a call without parameters', '{"id":1,"method":"query"}'],
    ['a call whose parameters are a text', '{"id":1,"method":"query","params":"room.list"}'],
    ['a call without a path', '{"id":1,"method":"query","params":{"input":{"json":null}}}'],
    ['a call whose path is a list', '{"id":1,"method":"query","params":{"path":["room","list"]}}'],
    ['a call with an unknown method', frameOf(1, 'room.list', undefined, 'delete')],
    ['a call without an id', frameOf(undefined, 'room.list')],
    ['a call whose id is null', frameOf(null, 'room.list')],
    ['a call whose id is an object', frameOf({ toString: 1 }, 'room.list')],
    ['a call with another version', '{"jsonrpc":"1.0","id":1,"method":"query","params":{"path":"room.list"}}'],
    ['a call whose input is no superjson', '{"id":1,"method":"query","params":{"path":"room.list","input":"raw"}}'],
  ])('that is %s gets a typed refusal, and the connection goes on', async (_, frame) => {
    const before = socket.received.length;
    socket.send(frame);
    await eventually(() => expect(socket.received.length).toBeGreaterThan(before));
    expect(JSON.parse(socket.received.at(-1) ?? '')).toMatchObject({
      error: { json: { data: { appCode: 'BAD_INPUT', retryable: false } } },
    });
    await expectService();
  });

  it.each([
    ['nothing', ''],
    ['a router', 'room'],
    ['a dot behind a router', 'room.'],
    ['a dot before a procedure', '.list'],
    ['a dot behind a procedure', 'room.list.'],
    ['an unknown router', 'nothing'],
    ['an unknown procedure', 'room.nothing'],
    ['a prototype', '__proto__'],
    ['a constructor', 'constructor'],
    ["a router's prototype", 'room.__proto__'],
    ["a router's constructor", 'room.constructor'],
    ["tRPC's own fields", '_def'],
    ["tRPC's own functions", 'createCaller'],
    ['a path with a slash', 'room/list'],
    ['a very long path', 'x'.repeat(50_000)],
  ])('that calls %s gets a typed refusal', async (_, path) => {
    for (const method of ['query', 'mutation', 'subscription']) {
      const id = socket.nextId();
      const [answer] = await socket.ask([frameOf(id, path, { roomId: '1' }, method)], [id]);
      expect(codeOf(answer)).toBe('BAD_INPUT');
    }
    await expectService();
  });

  it.each([
    ['room.join', 'query'],
    ['room.list', 'mutation'],
    ['room.list', 'subscription'],
    ['room.onEvent', 'query'],
    ['room.onEvent', 'mutation'],
  ])('that calls %s as a %s gets a typed refusal', async (path, method) => {
    const id = socket.nextId();
    const input = { roomId: addRoom(server) };
    const [answer] = await socket.ask([frameOf(id, path, input, method)], [id]);
    expect(codeOf(answer)).toBe('BAD_INPUT');
    await expectService();
  });

  it('that ends a subscription that never was is ignored', async () => {
    socket.send(JSON.stringify({ id: 99_999, method: 'subscription.stop' }));
    socket.send(JSON.stringify({ id: 'never', method: 'subscription.stop' }));
    await expectService();
  });

  it('that begins a subscription under an id in use is refused, and the first one goes on', async () => {
    const roomId = addRoom(server);
    const joinId = socket.nextId();
    await socket.ask([frameOf(joinId, 'room.join', { roomId }, 'mutation')], [joinId]);
    const id = socket.nextId();
    const frame = frameOf(id, 'room.onActivity', { roomId }, 'subscription');
    const [started] = await socket.ask([frame], [id]);
    expect(started?.result?.type).toBe('started');
    socket.send(frame);
    await eventually(() => {
      const refusals = socket.received.map((text) => JSON.parse(text) as Answer).filter((answer) => answer.error);
      expect(refusals.map((answer) => [answer.id, codeOf(answer)])).toEqual([[id, 'BAD_INPUT']]);
    });
    await socket.stopSubscriptions([id]);
    await expectService();
  });

  it('that resumes a subscription from a position that is none is refused', async () => {
    const roomId = addRoom(server);
    const joinId = socket.nextId();
    await socket.ask([frameOf(joinId, 'room.join', { roomId }, 'mutation')], [joinId]);
    for (const lastEventId of [17, true, {}, [], '', '1', '-1-0', '1-0; drop', 'x'.repeat(1_000), '__proto__']) {
      const id = socket.nextId();
      const params = { path: 'room.onEvent', input: superjson.serialize({ roomId }), lastEventId };
      const [answer] = await socket.ask([JSON.stringify({ id, method: 'subscription', params })], [id]);
      expect(codeOf(answer)).toBe('BAD_INPUT');
    }
    await expectService();
  });

  it('that has 50 calls is answered, and one that has 51 is refused call by call', async () => {
    const batch = (size: number): { frame: string; ids: number[] } => {
      const ids = Array.from({ length: size }, () => socket.nextId());
      return { frame: `[${ids.map((id) => frameOf(id, 'media.capabilities')).join(',')}]`, ids };
    };
    const allowed = batch(50);
    const answers = await socket.ask([allowed.frame], allowed.ids);
    expect(answers.every(({ result }) => result !== undefined)).toBe(true);
    const refused = batch(51);
    const refusals = await socket.ask([refused.frame], refused.ids);
    expect(new Set(refusals.map((answer) => codeOf(answer)))).toEqual(new Set(['BAD_INPUT']));
    await expectService();
  });

  it('that has one input which cannot be read costs that call only', async () => {
    const [bad, good] = [socket.nextId(), socket.nextId()];
    for (const input of [{ seat: Number.NaN }, { at: new Date() }, { many: new Map([[1, 2]]) }]) {
      const frame = `[${frameOf(bad, 'seat.take', input, 'mutation')},${frameOf(good, 'media.capabilities')}]`;
      const answers = await socket.ask([frame], [bad, good]);
      expect(codeOf(answers.find(({ id }) => id === bad))).toBe('BAD_INPUT');
      expect(answers.find(({ id }) => id === good)?.result).toHaveProperty('data');
    }
  });

  it('may be an empty list, or a ping', async () => {
    socket.send('[]');
    socket.send('PING');
    await eventually(() => expect(socket.received).toContain('PONG'));
    await expectService();
  });
});

describe('a first frame that is no token', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each([
    ['not JSON', 'hello', 'BAD_INPUT'],
    ['null', 'null', 'BAD_INPUT'],
    ['a list', '[]', 'BAD_INPUT'],
    ['a call', frameOf(1, 'room.list'), 'BAD_INPUT'],
    ['without parameters', '{"method":"connectionParams"}', 'BAD_INPUT'],
    ['with parameters that are none', '{"method":"connectionParams","data":null}', 'UNAUTHENTICATED'],
    ['with a token that is a number', '{"method":"connectionParams","data":{"token":1}}', 'BAD_INPUT'],
    ['with a token that is an object', '{"method":"connectionParams","data":{"token":{}}}', 'BAD_INPUT'],
    [
      'with a token in the prototype',
      '{"method":"connectionParams","data":{"__proto__":{"token":"1|x"}}}',
      'BAD_INPUT',
    ],
  ])('(%s) leads to no service, and the connection is ended', async (_, frame, code) => {
    await using socket = await RawSocket.open(server.url, null);
    socket.send(frame);
    socket.send(frameOf(2, 'media.capabilities'));
    await eventually(() => expect(socket.closeCode).not.toBeNull());
    const codes = socket.received.map((text) => codeOf(JSON.parse(text) as Answer));
    expect(codes).not.toEqual([]);
    expect(new Set(codes)).toEqual(new Set([code]));
  });
});
