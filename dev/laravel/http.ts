import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ZodError } from 'zod';
import type { Fault, Faults } from './faults.ts';
import { addCrowdRoutes } from './crowds.ts';
import type { Gifts, SentGift } from './gifts.ts';
import { batchRequest, statusRequest, toValidationAnswer, validateRequest } from './requests.ts';
import type { RoomStatus, Rooms } from './rooms.ts';
import type { Users } from './users.ts';

export interface HttpOptions {
  readonly internalKey: string;
  readonly users: Users;
  readonly rooms: Rooms;
  readonly gifts: Gifts;
  readonly faults: Faults;
  /** Ids of gifts that make a batch malformed. */
  readonly unreadable: ReadonlySet<string>;
  /** Called for each status that was accepted. */
  readonly onStatus: (roomId: string, status: RoomStatus) => void;
  readonly logger: FastifyBaseLogger | undefined;
}

/** The HTTP side of the contract in docs/LARAVEL_REQUIREMENTS.md; not listening yet. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const app = Fastify({
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    // Tests stop the stand-in while requests are open.
    forceCloseConnections: true,
  });
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof ZodError) return reply.code(422).send(toValidationAnswer(error));
    const status = hasStatus(error) ? error.statusCode : 500;
    if (status >= 500) app.log.error(error);
    return reply
      .code(status)
      .send({ message: status < 500 && error instanceof Error ? error.message : 'Server Error' });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ message: 'Not Found' }));
  requireInternalKey(app, options.internalKey);
  addRoutes(app, options, injectFaults(app, options.faults));
  addCrowdRoutes(app, options);
  return app;
}

function addRoutes(
  app: FastifyInstance,
  { users, rooms, gifts, unreadable, onStatus }: HttpOptions,
  faultOf: (request: FastifyRequest) => Fault | undefined,
): void {
  app.post('/internal/auth/validate', (request) => {
    const { token } = validateRequest.parse(request.body);
    const user = users.findByToken(token);
    return user === null ? { valid: false } : { valid: true, user };
  });

  app.get('/internal/rooms', () => ({ rooms: rooms.listOpen() }));

  app.get<{ Params: { id: string } }>('/internal/rooms/:id', (request, reply) => {
    const room = rooms.findOpen(request.params.id);
    return room === null ? reply.code(404).send({ message: 'Room not found.' }) : { room };
  });

  app.get<{ Params: { id: string; userId: string } }>('/internal/rooms/:id/members/:userId/role', (request, reply) => {
    const role = rooms.roleOf(request.params.id, Number(request.params.userId));
    return role === null ? reply.code(404).send({ message: 'No role in that room.' }) : { role };
  });

  app.post<{ Params: { id: string } }>('/internal/rooms/:id/status', (request, reply) => {
    const status = statusRequest.parse(request.body);
    if (!rooms.setStatus(request.params.id, status)) return reply.code(404).send({ message: 'Room not found.' });
    onStatus(request.params.id.toLowerCase(), status);
    return reply.code(204).send();
  });

  app.get('/internal/gifts', () => ({ gifts: gifts.list() }));

  const underWay = new Set<string>();
  app.post('/internal/gifts/batch', async (request, reply) => {
    const batch = batchRequest.parse(request.body);
    if (batch.gifts.some((sent) => unreadable.has(sent.gift_tx_id))) {
      return reply.code(422).send({ message: 'The given data was invalid.', errors: {} });
    }
    const { money = null, dropItems = false, deadlock = false } = faultOf(request) ?? {};
    if (deadlock && (await meetsOpposite(batch.gifts, underWay))) {
      return reply.code(500).send({ message: 'Deadlock found when trying to get lock; try restarting transaction' });
    }
    const results = batch.gifts.map((sent) => gifts.settle(sent, money));
    return { results: dropItems ? results.filter((_, index) => index % 2 === 1) : results };
  });
}

/**
 * Plays transactions that take a while, and lock the sender's wallet before the recipient's.
 *
 * @param underWay - directions of the gifts that are being settled; changed
 * @returns whether gifts in the opposite direction are being settled at the same moment
 */
async function meetsOpposite(gifts: readonly SentGift[], underWay: Set<string>): Promise<boolean> {
  const directions = gifts.map(({ sender_id, recipient_id }) => `${sender_id} ${recipient_id}`);
  for (const direction of directions) underWay.add(direction);
  await sleep(20);
  const isStuck = gifts.some(
    ({ sender_id, recipient_id }) => sender_id !== recipient_id && underWay.has(`${recipient_id} ${sender_id}`),
  );
  await sleep(20);
  for (const direction of directions) underWay.delete(direction);
  return isStuck;
}

function requireInternalKey(app: FastifyInstance, internalKey: string): void {
  // Digests are of one length, so the comparison takes one time whatever was sent.
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(internalKey);
  app.addHook('onRequest', async (request, reply) => {
    const given = request.headers['x-internal-key'];
    if (typeof given === 'string' && timingSafeEqual(digest(given), expected)) return;
    await reply.code(401).send({ message: 'The internal key is missing or wrong.' });
  });
}

/** @returns the fault that a request has met */
function injectFaults(app: FastifyInstance, faults: Faults): (request: FastifyRequest) => Fault | undefined {
  const stopping = new AbortController();
  const met = new WeakMap<FastifyRequest, Fault>();
  const wait = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => 'stopped');
  app.addHook('preClose', (done) => {
    stopping.abort();
    done();
  });
  app.addHook('preHandler', async (request, reply) => {
    const fault = faults.take(request.url);
    if (fault === null) return;
    met.set(request, fault);
    if (fault.delayMs !== undefined) await wait(fault.delayMs);
    if (fault.down === true || stopping.signal.aborted) {
      drop(request, reply);
      return;
    }
    if (fault.status !== undefined || fault.body !== undefined) await answerWith(reply, fault);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const fault = met.get(request);
    if (fault?.answerLateMs !== undefined) await wait(fault.answerLateMs);
    if (fault?.loseAnswer === true) drop(request, reply);
    return payload;
  });
  return (request) => met.get(request);
}

function answerWith(
  reply: FastifyReply,
  { status = 200, body = { message: 'A fault was set.' } }: Fault,
): FastifyReply {
  return reply
    .code(status)
    .type('application/json')
    .send(typeof body === 'string' ? body : JSON.stringify(body));
}

function drop(request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  request.raw.socket.destroy();
}

function hasStatus(error: unknown): error is { statusCode: number } {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number';
}
