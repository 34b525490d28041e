import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { errorTable } from '../core/errors.ts';
import { roomIdSchema, userIdSchema } from '../core/ids.ts';
import { roomRoles } from '../core/model.ts';
import type { Logger } from '../core/logger.ts';
import type { LaravelEvent, LaravelEvents } from '../services/laravel-events.ts';
import type { InternalKeyGuard } from './internal-key.ts';

/** Where Laravel announces what has changed (docs/LARAVEL_REQUIREMENTS.md). */
const path = '/internal/events';
/** When Laravel may send an event again that could not be applied, seconds. */
const retryAfterSeconds = 1;

const room = { room_id: roomIdSchema };
const user = { user_id: userIdSchema };
const sha256 = z.string().regex(/^[\da-f]{64}$/, 'must be a SHA-256 in hex');

/** One event as Laravel sends it. Fields that are not known are ignored. */
const eventSchema = z
  .discriminatedUnion('type', [
    z.object({ id: z.uuid(), type: z.literal('room.updated'), data: z.object(room) }),
    z.object({
      id: z.uuid(),
      type: z.literal('room.closed'),
      data: z.object({ ...room, reason: z.string().max(500).nullish() }),
    }),
    z.object({
      id: z.uuid(),
      type: z.literal('member.role_changed'),
      data: z.object({ ...room, ...user, role: z.enum(roomRoles) }),
    }),
    z.object({ id: z.uuid(), type: z.literal('user.revoked'), data: z.object(user) }),
    z.object({ id: z.uuid(), type: z.literal('token.revoked'), data: z.object({ token_hash: sha256 }) }),
  ])
  .transform((sent): { id: string; event: LaravelEvent } => {
    const id = sent.id.toLowerCase();
    switch (sent.type) {
      case 'room.updated':
        return { id, event: { type: sent.type, roomId: sent.data.room_id } };
      case 'room.closed':
        return { id, event: { type: sent.type, roomId: sent.data.room_id, reason: sent.data.reason ?? null } };
      case 'member.role_changed': {
        const { room_id: roomId, user_id: userId, role } = sent.data;
        return { id, event: { type: sent.type, roomId, userId, role } };
      }
      case 'user.revoked':
        return { id, event: { type: sent.type, userId: sent.data.user_id } };
      case 'token.revoked':
        return { id, event: { type: sent.type, tokenHash: sent.data.token_hash } };
    }
  });

export interface LaravelEventsMountOptions {
  readonly events: LaravelEvents;
  readonly keyGuard: InternalKeyGuard;
  readonly logger: Logger;
}

/**
 * `POST /internal/events`: 200 `applied` or `duplicate`, 401 without the key, 422 for what is no event, 429 for an address
 * that is locked out, 503 when it could not be applied and should be sent again.
 */
export function mountLaravelEvents(
  server: FastifyInstance,
  { events, keyGuard, logger }: LaravelEventsMountOptions,
): void {
  server.post(path, async (request, reply) => {
    const refusal = keyGuard.refusalOf(request.headers['x-internal-key'], request.ip);
    if (refusal !== null) {
      const { retryAfterMs } = refusal.details;
      if (retryAfterMs !== undefined) void reply.header('retry-after', Math.ceil(retryAfterMs / 1_000));
      return reply.code(retryAfterMs === undefined ? 401 : 429).send({ message: refusal.message });
    }
    const parsed = eventSchema.safeParse(request.body);
    if (!parsed.success) return reply.code(422).send(toValidationAnswer(parsed.error));
    const { id, event } = parsed.data;
    try {
      const status = await events.apply(id, event);
      logger.info({ eventId: id, type: event.type, status }, 'An event of the back end');
      return await reply.send({ status });
    } catch (error) {
      logger.warn({ err: error, eventId: id, type: event.type }, 'An event of the back end could not be applied');
      const { status, message } = errorTable.SERVICE_UNAVAILABLE;
      return reply.code(status).header('retry-after', retryAfterSeconds).send({ message });
    }
  });
}

/** What Laravel's own `validate()` answers. */
function toValidationAnswer(error: z.ZodError): { message: string; errors: Record<string, string[]> } {
  const errors: Record<string, string[]> = {};
  for (const { path: fields, message } of error.issues) (errors[fields.join('.') || 'body'] ??= []).push(message);
  return { message: 'The given data was invalid.', errors };
}
