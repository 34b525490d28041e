import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import superjson from 'superjson';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AppCode, errorTable } from '../../src/core/errors.ts';
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
  readonly #roomId: string;
  readonly #others: KnownValues;
  known: KnownValues = {};

  constructor(socket: RawSocket, roomId: string, others: KnownValues) {
    this.socket = socket;
    this.#roomId = roomId;
    this.#others = others;
  }

  /** Joins and takes a seat, if that is undone. */
  async returnToSeat(): Promise<{ sessionId: string; cursor: string }> {
    const roomId = this.#roomId;
    const joined = await this.#call('room.join', { roomId });
    await this.#call('seat.take', { roomId });
    const { sessionId, snapshot } = joined as { sessionId: string; snapshot: { cursor: string } };
    return { sessionId, cursor: snapshot.cursor };
  }

  /** Has everything a member can have, so that inputs can name it. */
  async prepare(): Promise<void> {
    const roomId = this.#roomId;
    const { sessionId, cursor } = await this.returnToSeat();
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
    const consumerIds = (consumers as { consumerId: string }[]).map(({ consumerId }) => consumerId);
    this.known = {
      roomId: [roomId],
      sessionId: [sessionId, randomUUID()],
      cursor: [0, 1, 100],
      limit: [1, 50, 100],
      lastEventId: [cursor, '1-0', null],
      before: [cursor, '1-0'],
      seat: [0, 14, 29],
      content: ['Hello', 'x'.repeat(500)],
      clientMessageId: [randomUUID()],
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
    const { type } = listProcedures().find((procedure) => procedure.path === path) ?? expect.unreachable();
    const id = this.socket.nextId();
    const frame = JSON.stringify({ id, method: type, params: { path, input: superjson.serialize(input) } });
    const [answer] = await this.socket.ask([frame], [id]);
    expect(answer?.error, path).toBeUndefined();
    return superjson.deserialize<Record<string, unknown>>(answer?.result?.data as { json: null });
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
    const roomId = addRoom(server, { seatCount: 30 });
    const users = [server.laravel.addUser({ name: 'Client' }), server.laravel.addUser({ name: 'Forger' })] as const;
    const member = async (own: 0 | 1, other: 0 | 1): Promise<FuzzedMember> => {
      const socket = await RawSocket.open(server.url, users[own].token);
      return new FuzzedMember(socket, roomId, { recipientId: [users[other].id, 4_242] });
    };
    client = await member(0, 1);
    forger = await member(1, 0);
  });
  afterAll(async () => {
    await client.socket[Symbol.asyncDispose]();
    await forger.socket[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    process.off('unhandledRejection', noteAccident).off('uncaughtExceptionMonitor', noteAccident);
  });

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
    await client.prepare();
    await forger.prepare();
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
        await member.returnToSeat();
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
    await client.prepare();
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
