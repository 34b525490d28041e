import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import { permissions } from '../../src/core/permissions.ts';
import { connectOperator } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { LightClient, RefusedError } from '../../src/cli/load-test/light-client.ts';
import { dtlsParameters, opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom } from '../support/members.ts';
import {
  type Cell,
  described,
  guestCells,
  insiders,
  nameOf,
  operatorCells,
  people,
  type Person,
  procedures,
  roomCells,
  userCells,
} from '../support/privilege-cells.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** Refusals that an allowed call may not meet. */
const denials = new Set([
  ...['NOT_ALLOWED', 'NOT_IN_ROOM', 'BAD_INPUT', 'INTERNAL', 'UNAUTHENTICATED', 'BANNED', 'MESSAGE_NOT_FOUND'],
  ...[
    'TRANSPORT_NOT_FOUND',
    'TRANSPORT_WRONG_DIRECTION',
    'PRODUCER_NOT_FOUND',
    'CONSUMER_NOT_FOUND',
    'GIFT_ID_CONFLICT',
    'unknown',
  ],
]);
/** They receive. */
const ofReceiving = new Set(['media.consume', 'media.start']);

/** Beside those of media, procedures that need what {@link Belongings} has, or a seat. */
const needBelongings = new Set(['seat.move', 'chat.delete', 'gift.send', 'gift.status']);
/** Repeating this one connects no transport again. */
const fingerprint = dtlsParameters();

/** What somebody has. */
interface Belongings {
  readonly transportIds: { readonly send: string; readonly receive: string };
  readonly producerId: string;
  readonly consumerIds: readonly string[];
  readonly messageId: string;
  readonly transactionId: string;
}

describe('who may do what', () => {
  let server: TestServer;
  const users = {} as Record<Person, UserWithToken>;
  const clients = {} as Record<Person | 'guest' | 'neighbour', LightClient>;
  const belongings: Partial<Record<Person, Belongings>> = {};
  /** Somebody in the stranger's room. */
  let neighbour: UserWithToken;
  /** A message that nobody wrote. */
  let announcementId = '';
  let roomId = '';
  let otherRoomId = '';

  beforeAll(async () => {
    server = await startTestServer({
      env: {
        RATE_LIMIT_CALLS_PER_SECOND: '100000',
        RATE_LIMIT_MESSAGES_PER_MINUTE: '100000',
        RATE_LIMIT_GIFTS_PER_MINUTE: '100000',
        MEDIASOUP_WORKERS: '1',
      },
    });
    for (const person of people) {
      users[person] = server.laravel.addUser({ name: person, balance: 1_000_000 });
      clients[person] = await LightClient.connect(server.url, users[person].token);
    }
    otherRoomId = addRoom(server, { ownerId: users.stranger.id });
    neighbour = server.laravel.addUser({ name: 'Neighbour' });
    clients.neighbour = await LightClient.connect(server.url, neighbour.token);
    for (const client of [clients.stranger, clients.neighbour])
      await client.mutate('room.join', { roomId: otherRoomId });
    belongings.stranger = await furnish('stranger', otherRoomId);
  });
  afterAll(async () => {
    for (const client of Object.values(clients)) client.terminate();
    await server[Symbol.asyncDispose]();
  });

  /** Brings everybody but the stranger into a room that nothing has happened in. */
  async function begin(): Promise<void> {
    const previous = roomId;
    roomId = addRoom(server, { ownerId: users.owner.id, seatCount: 30 });
    for (const person of ['admin', 'otherAdmin'] as const) server.laravel.setAdmin(roomId, users[person].id);
    await Promise.all(
      insiders.map(async (person) => {
        const client = clients[person];
        if (previous !== '') await client.mutate('room.leave', { roomId: previous }).catch(ignoreRefusal);
        // A kick reaches the connection by the log.
        await eventually(() => client.mutate('room.join', { roomId }));
      }),
    );
  }

  /** Gives somebody a seat, transports, a producer, a consumer, a message and a gift. */
  async function furnish(person: Person, where: string): Promise<Belongings> {
    const call = <T>(path: string, input: object): Promise<T> => {
      return clients[person].mutate<T>(path, { roomId: where, ...input });
    };
    const transport = async (direction: 'send' | 'receive'): Promise<string> => {
      return (await call<{ transportId: string }>('media.createTransport', { direction })).transportId;
    };
    await call('seat.take', {});
    const transportIds = { send: await transport('send'), receive: await transport('receive') };
    const { producerId } = await call<{ producerId: string }>('media.produce', {
      transportId: transportIds.send,
      rtpParameters: rtpParameters(),
    });
    const { consumers } = await call<{ consumers: { consumerId: string }[] }>('media.consume', {
      transportId: transportIds.receive,
      producerIds: [producerId],
      rtpCapabilities: opusCapabilities,
    });
    const { id: messageId } = await call<{ id: string }>('chat.send', { content: 'Here' });
    const transactionId = randomUUID();
    const recipient = person === 'stranger' ? neighbour : users[person === 'owner' ? 'member' : 'owner'];
    await call('gift.send', { transactionId, giftId: '1', recipientId: recipient.id, quantity: 1 });
    return {
      transportIds,
      producerId,
      consumerIds: consumers.map(({ consumerId }) => consumerId),
      messageId,
      transactionId,
    };
  }

  /** An input that fits, which names the object of the cell, and else what is the caller's own. */
  function inputOf({ path, caller, object, field }: Cell): Record<string, unknown> {
    const own = caller === 'guest' ? 'stranger' : caller;
    const owner = object === 'none' || object === 'elsewhere' || object === 'system' ? own : object;
    const ofField = (name: string): Belongings | undefined => belongings[name === field ? owner : own];
    const { send, receive } = ofField('transportId')?.transportIds ?? { send: randomUUID(), receive: randomUUID() };
    const recipientId = users[own === 'owner' ? 'member' : 'owner'].id;
    const values: Record<string, unknown> = {
      roomId: object === 'elsewhere' ? otherRoomId : roomId,
      userId: users[owner].id,
      transportId: ofReceiving.has(path) ? receive : send,
      producerId: ofField('producerId')?.producerId ?? randomUUID(),
      producerIds: [ofField('producerIds')?.producerId ?? randomUUID()],
      consumerIds: ofField('consumerIds')?.consumerIds ?? [randomUUID()],
      messageId: object === 'system' ? announcementId : (ofField('messageId')?.messageId ?? '1-0'),
      transactionIds: [ofField('transactionIds')?.transactionId ?? randomUUID()],
      recipientId,
      recipients: [{ transactionId: randomUUID(), recipientId }],
      transactionId: ofField('transactionId')?.transactionId ?? randomUUID(),
      batchId: randomUUID(),
      giftId: '1',
      quantity: 1,
      seat: 20,
      seatCount: 25,
      seatMode: 'apply',
      seconds: 5,
      kind: 'heart',
      content: 'Hello',
      eventId: '1-0',
      direction: 'receive',
      rtpParameters: rtpParameters(),
      rtpCapabilities: opusCapabilities,
      dtlsParameters: fingerprint,
    };
    // Fields that may be left out are.
    const optional = ['cursor', 'limit', 'before', 'lastEventId', 'durationSeconds', 'reason', 'clientMessageId'];
    const ofOperators = ['text', 'open', 'tokenHash', 'gift', 'chat'];
    const left = new Set([...optional, ...ofOperators, 'source', 'paused', 'replyTo', 'sessionId']);
    if (path === 'seat.take') left.add('seat');
    if (path === 'admin.gifts.retry') left.add('transactionIds');
    return Object.fromEntries(
      described(path)
        .inputKeys.filter((key) => !left.has(key))
        .map((key) => {
          if (!(key in values)) expect.unreachable(`${path} takes ${key}, which this test knows nothing about`);
          return [key, values[key]];
        }),
    );
  }

  /** Makes the call of a cell. @returns the code of its refusal, or null */
  async function attempt(cell: Cell): Promise<string | null> {
    const { path, caller, over } = cell;
    const input = inputOf(cell);
    if (over === 'HTTP') return callByHttp(server.url, caller === 'guest' ? null : users[caller].token, path, input);
    const client = clients[caller];
    const { type } = described(path);
    try {
      if (type === 'subscription') return await subscribe(client, path, input);
      return failureIn(await (type === 'query' ? client.query(path, input) : client.mutate(path, input)));
    } catch (error) {
      if (error instanceof RefusedError) return error.appCode;
      throw error;
    }
  }

  /** Makes the calls of cells at once, and compares what they are refused with. */
  async function expectRefusals(cells: readonly Cell[]): Promise<void> {
    const met = await Promise.all(cells.map(async (cell) => [nameOf(cell), await attempt(cell)]));
    expect(Object.fromEntries(met)).toEqual(Object.fromEntries(cells.map((cell) => [nameOf(cell), cell.refusal])));
  }

  it('is said for every procedure that takes a membership', () => {
    const ofRooms = procedures.filter(({ path, inputKeys }) => {
      return inputKeys.includes('roomId') && !path.startsWith('admin.') && !['room.get', 'room.join'].includes(path);
    });
    expect(ofRooms.map(({ path }) => path).filter((path) => !(path in permissions))).toEqual([]);
  });

  it('is asserted in so many cells', () => {
    const all = [...roomCells, ...userCells, ...operatorCells, ...guestCells];
    expect(new Set(all.map(nameOf)).size).toBe(all.length);
    expect(new Set(all.map(({ path }) => path)).size).toBe(procedures.length);
    const counts = {
      room: roomCells.length,
      user: userCells.length,
      operator: operatorCells.length,
      guest: guestCells.length,
    };
    const deniedCount = all.filter(({ refusal }) => refusal !== null).length;
    process.stdout.write(
      `${all.length} cells of ${procedures.length} procedures, ${deniedCount} of them denied: ${JSON.stringify(counts)}\n`,
    );
    expect(all.length).toBeGreaterThanOrEqual(1_089);
    expect(deniedCount).toBeGreaterThanOrEqual(822);
  });

  it('denies what the table denies, with the right code, and changes nothing by it', async () => {
    await begin();
    for (const person of insiders) belongings[person] = await furnish(person, roomId);
    const { id } = await connectOperator(server.url, server.internalKey).admin.rooms.announce.mutate({
      roomId,
      content: 'From the server',
    });
    announcementId = id;
    const lastEvent = () => server.store.xrevrange(`room:events:{${roomId}}`, '+', '-', 'COUNT', 1);
    const before = await lastEvent();
    await expectRefusals([...roomCells, ...userCells].filter(({ refusal }) => refusal !== null));
    expect(await lastEvent()).toEqual(before);
  }, 60_000);

  it('lets nobody but operators call what is for operators, and nobody call anything without a token', async () => {
    // A socket that does not say who it is stays open for a few seconds only.
    clients.guest = await LightClient.connect(server.url, null);
    await expectRefusals([...operatorCells, ...guestCells]);
  }, 60_000);

  it('allows what the table allows', async () => {
    const wrong: string[] = [];
    for (const cell of [...roomCells, ...userCells].filter(({ refusal }) => refusal === null)) {
      await begin();
      const { path, caller, object } = cell;
      const needed = path.startsWith('media.') || needBelongings.has(path) ? [caller, object] : [];
      for (const person of insiders.filter((one) => needed.includes(one))) {
        belongings[person] = await furnish(person, roomId);
      }
      const refusal = await attempt(cell);
      if (refusal !== null && denials.has(refusal)) wrong.push(`${nameOf(cell)}: ${refusal}`);
    }
    expect(wrong).toEqual([]);
  }, 300_000);
});

/** Subscribes and waits for the first word. @returns the code of a refusal, or null */
async function subscribe(client: LightClient, path: string, input: object): Promise<string | null> {
  const first = await new Promise<string>((resolve) => client.subscribe(path, input, resolve));
  // `room.onActivity` may have nothing to say yet: that it has started is enough.
  const { error } = JSON.parse(first) as { error?: { json: { data: { appCode: string } } } };
  if (error !== undefined) return error.json.data.appCode;
  return null;
}

/** What an answer says of objects that were not the caller's. */
function failureIn(answer: unknown): string | null {
  if (Array.isArray(answer))
    return answer.some((report: { status?: string }) => report.status === 'unknown') ? 'unknown' : null;
  const { failed = [] } = (answer ?? {}) as { failed?: readonly { code: string }[] };
  return failed[0]?.code ?? null;
}

/** Calls over HTTP, as a user who has a token or none. @returns the code of a refusal, or null */
async function callByHttp(url: string, token: string | null, path: string, input: object): Promise<string | null> {
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const body = JSON.stringify({ json: input });
  const response = await (described(path).type === 'mutation'
    ? fetch(`${url}/trpc/${path}`, { method: 'POST', headers, body })
    : fetch(`${url}/trpc/${path}?input=${encodeURIComponent(body)}`, { headers }));
  return /"appCode":"(\w+)"/.exec(await response.text())?.[1] ?? null;
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof RefusedError)) throw error;
}
