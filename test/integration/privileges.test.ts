import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import type { RoomRole } from '../../src/core/model.ts';
import { hasRole, outranks, type Permission, permissions } from '../../src/core/permissions.ts';
import { eventually } from '../support/eventually.ts';
import { LightClient, RefusedError } from '../../src/cli/load-test/light-client.ts';
import { dtlsParameters, opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom } from '../support/members.ts';
import { listProcedures, type ProcedureDescription } from '../support/procedures.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/*
 * The table of permissions, walked: each procedure of a room is called by each role, and by somebody who is not in the
 * room, on each kind of object. A cell is one such call with the refusal that it must meet, or null when it is allowed.
 */

/** Who calls. Of admins and members there are two, so that there is an equal. */
const people = ['owner', 'admin', 'otherAdmin', 'member', 'otherMember', 'stranger'] as const;
type Person = (typeof people)[number];

/** The stranger is the owner of another room and nothing here. */
const roles: Readonly<Record<Person, RoomRole>> = {
  owner: 'owner',
  admin: 'admin',
  otherAdmin: 'admin',
  member: 'member',
  otherMember: 'member',
  stranger: 'member',
};
const callers = ['owner', 'admin', 'member', 'stranger'] as const satisfies readonly Person[];
const insiders = people.filter((person) => person !== 'stranger');

/** Field of an input that names something of one session, and what somebody else's is refused with. */
const sessionObjects: Readonly<Record<string, string>> = {
  transportId: 'TRANSPORT_NOT_FOUND',
  producerId: 'PRODUCER_NOT_FOUND',
};
/** Done to users who are not in the room, too. */
const reachesAbsent = new Set(['room.ban', 'room.unban', 'seat.unmute', 'chat.unmute', 'media.diagnose']);
/** Says itself, in the answer, which objects were not the caller's. */
const answersFailures = new Set(['media.resume']);
/** Refusals that an allowed call may not meet. */
const denials = new Set(['NOT_ALLOWED', 'NOT_IN_ROOM', 'BAD_INPUT', 'INTERNAL', 'UNAUTHENTICATED', 'BANNED']);

interface Cell {
  readonly path: string;
  readonly caller: Person;
  /** What is named: nothing, the caller's own, or what belongs to somebody; `elsewhere` is a room of another owner. */
  readonly object: 'none' | 'elsewhere' | Person;
  /** The code that the call must be refused with; null when it is allowed. */
  readonly refusal: string | null;
}

/** What somebody has in a room. */
interface Belongings {
  readonly transportId: string;
  readonly producerId: string;
  readonly consumerIds: readonly string[];
}

const procedures = listProcedures();
const described = (path: string): ProcedureDescription =>
  procedures.find((procedure) => procedure.path === path) ?? expect.unreachable(`There is no procedure ${path}`);
const table = Object.entries(permissions as Readonly<Record<string, Permission>>);

/** Every cell of a procedure. */
function cellsOf(path: string, permission: Permission): Cell[] {
  const { inputKeys } = described(path);
  return callers.flatMap((caller): Cell[] => {
    const elsewhere: Cell = { path, caller, object: 'elsewhere', refusal: 'NOT_IN_ROOM' };
    if (caller === 'stranger') return [{ path, caller, object: 'none', refusal: 'NOT_IN_ROOM' }];
    const denied = hasRole(roles[caller], permission.role) ? null : 'NOT_ALLOWED';
    const cell = (object: Cell['object'], otherwise: string | null): Cell => {
      return { path, caller, object, refusal: denied ?? otherwise };
    };
    if (inputKeys.includes('userId')) {
      return [
        elsewhere,
        ...people.map((target) => {
          if (permission.outranks === true && !outranks(roles[caller], roles[target]))
            return cell(target, 'NOT_ALLOWED');
          return cell(target, target === 'stranger' && !reachesAbsent.has(path) ? 'MEMBER_NOT_FOUND' : null);
        }),
      ];
    }
    const key = Object.keys(sessionObjects).find((name) => inputKeys.includes(name));
    if (key !== undefined || answersFailures.has(path)) {
      const foreign = key === undefined ? 'CONSUMER_NOT_FOUND' : (sessionObjects[key] ?? null);
      return [
        elsewhere,
        cell(caller, null),
        ...people.filter((person) => person !== caller).map((person) => cell(person, foreign)),
      ];
    }
    return [elsewhere, cell('none', null)];
  });
}

describe('who may do what', () => {
  let server: TestServer;
  const users = {} as Record<Person, UserWithToken>;
  const clients = {} as Record<Person, LightClient>;
  const belongings: Partial<Record<Person, Belongings>> = {};
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
    await clients.stranger.mutate('room.join', { roomId: otherRoomId });
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

  /** Gives somebody a seat, transports, a producer and consumers. */
  async function furnish(person: Person, where: string): Promise<Belongings> {
    const call = <T>(path: string, input: object): Promise<T> => {
      return clients[person].mutate<T>(path, { roomId: where, ...input });
    };
    await call('seat.take', {});
    const { transportId } = await call<{ transportId: string }>('media.createTransport', { direction: 'send' });
    const receive = await call<{ transportId: string }>('media.createTransport', { direction: 'receive' });
    const { producerId } = await call<{ producerId: string }>('media.produce', {
      transportId,
      rtpParameters: rtpParameters(),
    });
    const { consumers } = await call<{ consumers: { consumerId: string }[] }>('media.consume', {
      transportId: receive.transportId,
      producerIds: [producerId],
      rtpCapabilities: opusCapabilities,
    });
    return { transportId, producerId, consumerIds: consumers.map(({ consumerId }) => consumerId) };
  }

  /** An input that fits, which names the object of the cell. */
  function inputOf({ path, caller, object }: Cell): Record<string, unknown> {
    const person = object === 'none' || object === 'elsewhere' ? caller : object;
    const { transportId = randomUUID(), producerId = randomUUID(), consumerIds = [] } = belongings[person] ?? {};
    const values: Record<string, unknown> = {
      roomId: object === 'elsewhere' ? otherRoomId : roomId,
      userId: users[person].id,
      transportId,
      producerId,
      consumerIds: path === 'media.start' ? [] : consumerIds.length === 0 ? [randomUUID()] : consumerIds,
      producerIds: [producerId],
      recipientId: users[caller === 'owner' ? 'member' : 'owner'].id,
      recipients: [{ transactionId: randomUUID(), recipientId: users[caller === 'owner' ? 'member' : 'owner'].id }],
      transactionId: randomUUID(),
      batchId: randomUUID(),
      giftId: '1',
      quantity: 1,
      seat: 20,
      seatCount: 25,
      seatMode: 'apply',
      seconds: 5,
      kind: 'heart',
      content: 'Hello',
      messageId: '1-0',
      direction: 'receive',
      rtpParameters: rtpParameters(),
      rtpCapabilities: opusCapabilities,
      dtlsParameters: dtlsParameters(),
    };
    // Fields that may be left out are.
    const optional = ['cursor', 'limit', 'before', 'lastEventId', 'durationSeconds', 'reason', 'clientMessageId'];
    const left = [...optional, 'source', 'paused', 'replyTo', ...(path === 'seat.take' ? ['seat'] : [])];
    return Object.fromEntries(
      described(path)
        .inputKeys.filter((key) => !left.includes(key))
        .map((key) => {
          if (!(key in values)) expect.unreachable(`${path} takes ${key}, which this test knows nothing about`);
          return [key, values[key]];
        }),
    );
  }

  /** Makes the call of a cell. @returns the code of its refusal, or null */
  async function attempt(cell: Cell): Promise<string | null> {
    const client = clients[cell.caller];
    const input = inputOf(cell);
    const { type } = described(cell.path);
    try {
      if (type === 'subscription') return await subscribe(client, cell.path, input);
      const answer = await (type === 'query' ? client.query(cell.path, input) : client.mutate(cell.path, input));
      return failureIn(answer);
    } catch (error) {
      if (error instanceof RefusedError) return error.appCode;
      throw error;
    }
  }

  const cells = table.flatMap(([path, permission]) => cellsOf(path, permission));
  const nameOf = ({ path, caller, object }: Cell): string => `${path} by ${caller} on ${object}`;

  it('is said for every procedure that takes a membership', () => {
    const ofRooms = procedures.filter(({ path, inputKeys }) => {
      return inputKeys.includes('roomId') && !path.startsWith('admin.') && !['room.get', 'room.join'].includes(path);
    });
    expect(ofRooms.map(({ path }) => path).filter((path) => !(path in permissions))).toEqual([]);
  });

  it('denies what the table denies, with the right code, and changes nothing by it', async () => {
    await begin();
    for (const person of insiders) belongings[person] = await furnish(person, roomId);
    const denied = cells.filter(({ refusal }) => refusal !== null);
    const lastEvent = () => server.store.xrevrange(`room:events:{${roomId}}`, '+', '-', 'COUNT', 1);
    const before = await lastEvent();
    const met = await Promise.all(denied.map(async (cell) => [nameOf(cell), await attempt(cell)]));
    expect(Object.fromEntries(met)).toEqual(Object.fromEntries(denied.map((cell) => [nameOf(cell), cell.refusal])));
    expect(await lastEvent()).toEqual(before);
    expect(denied.length).toBeGreaterThanOrEqual(450);
    expect(cells.length - denied.length).toBeGreaterThanOrEqual(200);
    process.stdout.write(`${cells.length} cells of ${table.length} procedures, ${denied.length} of them denied\n`);
  }, 60_000);

  it('allows what the table allows', async () => {
    const wrong: string[] = [];
    for (const cell of cells.filter(({ refusal }) => refusal === null)) {
      await begin();
      if (cell.path.startsWith('media.') || cell.path === 'seat.move') {
        belongings[cell.caller] = await furnish(cell.caller, roomId);
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
  const { failed = [] } = (answer ?? {}) as { failed?: readonly { code: string }[] };
  return failed[0]?.code ?? null;
}

function ignoreRefusal(error: unknown): void {
  if (!(error instanceof RefusedError)) throw error;
}
