import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import superjson from 'superjson';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import { type AppCode, errorTable } from '../../src/core/errors.ts';
import { reactionKinds } from '../../src/core/events.ts';
import { createLogger } from '../../src/core/logger.ts';
import { dtlsParameters, opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom } from '../support/members.ts';
import { listProcedures, type ProcedureDescription } from '../support/procedures.ts';
import { type Answer, RawSocket } from '../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { clientInput, forgedInput, type KnownValues } from './inputs.ts';

/** The same inputs every time; another number explores others. */
const seed = Number(process.env['FUZZ_SEED'] ?? 1);
/** Of every procedure. */
const clientInputs = 1_500;
const forgedInputs = 500;
const callsAtOnce = 25;
/** The server takes frames of 64 KiB. */
const longestInput = 65_000;
/** Codes that no input may cause. */
const ourFaults: readonly AppCode[] = [
  'INTERNAL',
  'SERVICE_UNAVAILABLE',
  'UPSTREAM_UNAVAILABLE',
  'MEDIA_UNAVAILABLE',
  'UNAUTHENTICATED',
];

/** A member whose calls are made by hand. */
class FuzzedMember {
  readonly socket: RawSocket;
  readonly #others: KnownValues;
  #roomId: string | null = null;
  known: KnownValues = {};

  constructor(socket: RawSocket, others: KnownValues) {
    this.socket = socket;
    this.#others = others;
  }

  /** Joins again and takes a seat, or raises the hand for one, as far as it is undone and what was called allows it. */
  async comeBack(where: 'onSeat' | 'inQueue'): Promise<void> {
    const roomId = this.#roomId;
    await this.#send('room.join', { roomId });
    await this.#send(where === 'onSeat' ? 'seat.take' : 'seat.request', { roomId });
  }

  async leaveSeat(): Promise<void> {
    await this.#call('seat.leave', { roomId: this.#roomId });
  }

  /** Goes into a room that nothing has happened in. */
  async goTo(roomId: string): Promise<{ sessionId: string; cursor: string }> {
    if (this.#roomId !== null) await this.#send('room.leave', { roomId: this.#roomId });
    this.#roomId = roomId;
    const joined = await this.#call('room.join', { roomId });
    const { sessionId, snapshot } = joined as { sessionId: string; snapshot: { cursor: string } };
    return { sessionId, cursor: snapshot.cursor };
  }

  /** Goes into a room and has everything there that a member can have, so that inputs can name it. */
  async prepare(roomId: string): Promise<void> {
    const { sessionId, cursor } = await this.goTo(roomId);
    await this.#call('seat.take', { roomId });
    const { transportId: sendId } = await this.#call('media.createTransport', { roomId, direction: 'send' });
    const { transportId: receiveId } = await this.#call('media.createTransport', { roomId, direction: 'receive' });
    const { producerId } = await this.#call('media.produce', {
      roomId,
      transportId: sendId,
      rtpParameters: rtpParameters(),
    });
    const { consumers } = await this.#call('media.consume', {
      roomId,
      transportId: receiveId,
      producerIds: [producerId],
      rtpCapabilities: opusCapabilities,
    });
    const { id: messageId } = await this.#call('chat.send', { roomId, content: 'Said before' });
    const consumerIds = (consumers as { consumerId: string }[]).map(({ consumerId }) => consumerId);
    this.known = {
      roomId: [roomId],
      sessionId: [sessionId, randomUUID()],
      cursor: [0, 1, 100, '0-0', `${Date.now()}-1`],
      limit: [1, 50, 100],
      lastEventId: [cursor, '1-0', null],
      before: [cursor, '1-0'],
      seat: [0, 14, 29],
      seatCount: [1, 15, 30],
      seatMode: ['free', 'apply'],
      durationSeconds: [1, 315_360_000],
      reason: ['Enough', ''],
      content: ['Hello', 'x'.repeat(500)],
      clientMessageId: [randomUUID()],
      messageId: [messageId],
      replyTo: [messageId],
      seconds: [0, 3_600],
      kind: reactionKinds,
      transactionId: [randomUUID()],
      transactionIds: [[randomUUID(), randomUUID()]],
      batchId: [randomUUID()],
      recipients: [[{ transactionId: randomUUID(), recipientId: this.#others['recipientId']?.[0] ?? 1 }]],
      eventId: [cursor, '1-0'],
      giftId: ['1', '2'],
      quantity: [1, 9_999],
      transportId: [sendId, receiveId, randomUUID()],
      producerId: [producerId, randomUUID()],
      producerIds: [[producerId], [producerId, randomUUID()]],
      consumerIds: [consumerIds],
      direction: ['send', 'receive'],
      source: ['microphone', 'music'],
      paused: [true, false],
      rtpParameters: [rtpParameters()],
      rtpCapabilities: [opusCapabilities],
      dtlsParameters: [dtlsParameters()],
      ...this.#others,
    };
  }

  async #call(path: string, input: unknown): Promise<Record<string, unknown>> {
    const answer = await this.#send(path, input);
    expect(answer?.error, path).toBeUndefined();
    return superjson.deserialize<Record<string, unknown>>(answer?.result?.data as { json: null });
  }

  async #send(path: string, input: unknown): Promise<Answer | undefined> {
    const { type } = listProcedures().find((procedure) => procedure.path === path) ?? expect.unreachable();
    const id = this.socket.nextId();
    const frame = JSON.stringify({ id, method: type, params: { path, input: superjson.serialize(input) } });
    const [answer] = await this.socket.ask([frame], [id]);
    return answer;
  }
}

/** @throws AssertionError unless the answer is a success or a typed refusal that is the caller's own fault */
function expectAcceptable(answer: Answer, what: () => string): void {
  if (answer.result !== undefined) return;
  const code = answer.error?.json.data.appCode;
  if (code !== undefined && code in errorTable && !ourFaults.includes(code as AppCode)) return;
  expect.fail(`${what()} was answered with ${JSON.stringify(answer)} (FUZZ_SEED=${seed})`);
}

describe('every procedure answers every input with a success or a typed refusal', () => {
  let server: TestServer;
  let client: FuzzedMember;
  let forger: FuzzedMember;
  /** Whom things are done to. */
  let bystander: FuzzedMember;
  let clientUser: UserWithToken;
  let forgerUser: UserWithToken;
  let bystanderUser: UserWithToken;
  const accidents: unknown[] = [];
  const noteAccident = (reason: unknown): void => void accidents.push(reason);
  const logged: string[] = [];

  beforeAll(async () => {
    process.on('unhandledRejection', noteAccident).on('uncaughtExceptionMonitor', noteAccident);
    server = await startTestServer({
      env: {
        RATE_LIMIT_MESSAGES_PER_MINUTE: '100000',
        RATE_LIMIT_GIFTS_PER_MINUTE: '100000',
        RATE_LIMIT_CALLS_PER_SECOND: '1000000',
      },
      logger: createLogger('error', { write: (line) => void logged.push(line) }),
    });
    [clientUser, forgerUser, bystanderUser] = ['Client', 'Forger', 'Bystander'].map((name) =>
      server.laravel.addUser({ name }),
    ) as [UserWithToken, UserWithToken, UserWithToken];
    const member = async (own: UserWithToken, other: UserWithToken): Promise<FuzzedMember> => {
      const socket = await RawSocket.open(server.url, own.token);
      return new FuzzedMember(socket, { recipientId: [other.id, 4_242], userId: [bystanderUser.id, 4_242] });
    };
    client = await member(clientUser, forgerUser);
    forger = await member(forgerUser, clientUser);
    bystander = await member(bystanderUser, clientUser);
  });
  afterAll(async () => {
    await client.socket[Symbol.asyncDispose]();
    await forger.socket[Symbol.asyncDispose]();
    await bystander.socket[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    process.off('unhandledRejection', noteAccident).off('uncaughtExceptionMonitor', noteAccident);
  });

  /** Brings everybody into a room of its own: what hosts did in the last one is over. */
  async function beginAnew(): Promise<void> {
    const roomId = addRoom(server, { seatCount: 30, ownerId: clientUser.id });
    server.laravel.setAdmin(roomId, forgerUser.id);
    await client.prepare(roomId);
    await forger.prepare(roomId);
    await bystander.goTo(roomId);
    await bystander.comeBack('inQueue');
  }

  /** Sends calls, each in a frame of its own, since the server answers for a frame it cannot read as a whole. */
  async function callAll(
    { socket }: FuzzedMember,
    { path, type }: ProcedureDescription,
    inputs: readonly string[],
  ): Promise<{ succeeded: number }> {
    const calls = inputs.map((input) => {
      const id = socket.nextId();
      return { id, frame: `{"id":${id},"method":"${type}","params":{"path":"${path}","input":${input}}}` };
    });
    const answers = await socket.ask(
      calls.map(({ frame }) => frame),
      calls.map(({ id }) => id),
    );
    for (const answer of answers) {
      const suspects = calls.filter(({ id }) => answer.id === null || answer.id === id).map(({ frame }) => frame);
      expectAcceptable(answer, () => suspects.join('\n').slice(0, 5_000));
    }
    const started = answers.filter(({ result }) => result?.type === 'started');
    await socket.stopSubscriptions(started.map(({ id }) => Number(id)));
    return { succeeded: answers.filter(({ result }) => result !== undefined).length };
  }

  it.each(listProcedures())('$path', { timeout: 60_000 }, async (procedure) => {
    await beginAnew();
    // Nobody on a seat raises a hand.
    const place = procedure.path === 'seat.request' ? 'inQueue' : 'onSeat';
    if (place === 'inQueue') await Promise.all([client.leaveSeat(), forger.leaveSeat()]);
    const { inputKeys } = procedure;
    let succeeded = 0;

    const fromClient = fc
      .sample(clientInput(inputKeys, client.known), { numRuns: clientInputs, seed })
      .map((input) => serialize(input));
    const fromForger = fc.sample(forgedInput(inputKeys, forger.known), { numRuns: forgedInputs, seed });
    for (const [member, inputs] of [
      [client, fromClient],
      [forger, fromForger],
    ] as const) {
      expect(Math.max(...inputs.map((text) => text.length))).toBeLessThan(longestInput);
      for (let start = 0; start < inputs.length; start += callsAtOnce) {
        succeeded += (await callAll(member, procedure, inputs.slice(start, start + callsAtOnce))).succeeded;
        await Promise.all([member.comeBack(place), bystander.comeBack('inQueue')]);
      }
    }

    // Inputs that are all refused at the door would test the door only. Admins' procedures are not for members.
    if (!procedure.path.startsWith('admin.')) expect(succeeded).toBeGreaterThan(0);
    expect([client.socket.closeCode, forger.socket.closeCode]).toEqual([null, null]);
    expect(accidents).toEqual([]);
    expect(logged).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('and the server is as well afterwards as before', async () => {
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({
      status: 'ok',
      redis: 'up',
      workers: { healthy: true },
    });
    await beginAnew();
  });
});

/** As the client's transformer does; what superjson refuses to carry cannot be sent by a client. */
function serialize(input: unknown): string {
  try {
    return JSON.stringify(superjson.serialize(input));
  } catch {
    return JSON.stringify({ json: null });
  }
}
