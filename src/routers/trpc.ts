import { initTRPC, TRPCError } from '@trpc/server';
import { z } from 'zod';
import { AppError, type AppCode, errorTable } from '../core/errors.ts';
import { roomIdSchema } from '../core/ids.ts';
import { type Permission, permissions } from '../core/permissions.ts';
import type { Actor } from '../services/actor.ts';
import { isRedisUnavailable } from '../services/redis/connection.ts';
import type { Context } from './context.ts';
import { transformer, UnreadableInputError } from './transformer.ts';

/** tRPC's code for an HTTP status of the error table. */
const trpcCodes = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  429: 'TOO_MANY_REQUESTS',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
} as const;

const t = initTRPC.context<Context>().create({
  transformer,
  // Stack traces are for the log.
  isDev: false,
  errorFormatter: ({ shape, error }) => {
    const refusal = appErrorOf(error);
    const { retryable, status } = errorTable[refusal.code];
    return {
      ...shape,
      message: refusal.message,
      data: {
        ...shape.data,
        httpStatus: status,
        appCode: refusal.code,
        retryable,
        retryAfterMs: refusal.details.retryAfterMs ?? null,
        ...refusal.details.ban,
      },
    };
  },
});

export const { router } = t;

/**
 * Turns what a service throws into the tRPC error of its code, and logs what nobody meant to throw.
 */
const withTypedErrors = t.middleware(async ({ next, ctx, path }) => {
  const result = await next();
  if (result.ok) return result;
  const refusal = appErrorOf(result.error);
  if (refusal.code === 'INTERNAL') ctx.logger.error({ err: result.error.cause ?? result.error, path }, 'A call failed');
  throw new TRPCError({ code: trpcCodes[errorTable[refusal.code].status], message: refusal.message, cause: refusal });
});

/** Refuses one call for what the transformer would not read, whatever the procedure makes of its input. */
const withReadableInput = t.middleware(async ({ next, getRawInput }) => {
  const input = await getRawInput();
  if (input instanceof UnreadableInputError) throw new AppError('BAD_INPUT', { message: input.message, cause: input });
  return next();
});

/** Anybody. */
export const publicProcedure = t.procedure.use(withTypedErrors).use(withReadableInput);

/** Whoever has authenticated the WebSocket connection; a token revoked meanwhile cuts the connection (Connections). */
export const userProcedure = publicProcedure.use(({ ctx, next }) => {
  if (ctx.refusal !== null) throw ctx.refusal;
  if (ctx.connection === null) throw new AppError('WEBSOCKET_REQUIRED');
  return next({ ctx: { connection: ctx.connection, user: ctx.connection.identity.user } });
});

/**
 * Whoever is in the room that the input names, by this connection. `actor` carries what the table of permissions demands
 * of the procedure's path; whatever takes more than being a member is handed the actor, and the script that does it checks.
 * The procedure's own input must be strict.
 */
export const memberProcedure = userProcedure
  .input(z.object({ roomId: roomIdSchema }))
  .use(({ ctx, input, path, next }) => {
    const member = ctx.connection.memberOf(input.roomId);
    const { roomId, userId, sessionId } = member;
    const actor: Actor = { roomId, userId, sessionId, permission: permissionFor(path) };
    return next({ ctx: { member, actor } });
  });

/** Whoever has shown the internal key. */
export const adminProcedure = publicProcedure.use(({ ctx, next }) => {
  if (ctx.adminRefusal !== null) throw ctx.adminRefusal;
  return next();
});

/** @throws Error for a procedure that the table of permissions does not have, so that none is open by oversight */
function permissionFor(path: string): Permission {
  const permission = (permissions as Readonly<Record<string, Permission | undefined>>)[path];
  if (permission === undefined) throw new Error(`The table of permissions has no ${path}`);
  return permission;
}

/** The refusal that an error means to the client. */
function appErrorOf(error: TRPCError): AppError {
  if (error.cause instanceof AppError) return error.cause;
  if (error.code === 'BAD_REQUEST' && error.cause instanceof z.ZodError) {
    return new AppError('BAD_INPUT', { message: describeIssues(error.cause), cause: error.cause });
  }
  if (isRedisUnavailable(error.cause)) return new AppError('SERVICE_UNAVAILABLE', { cause: error.cause });
  return new AppError(clientFaults[error.code] ?? 'INTERNAL', { cause: error });
}

/** What tRPC itself refuses. */
const clientFaults: Partial<Record<TRPCError['code'], AppCode>> = {
  BAD_REQUEST: 'BAD_INPUT',
  PARSE_ERROR: 'BAD_INPUT',
  NOT_FOUND: 'BAD_INPUT',
  METHOD_NOT_SUPPORTED: 'BAD_INPUT',
  UNSUPPORTED_MEDIA_TYPE: 'BAD_INPUT',
  PAYLOAD_TOO_LARGE: 'BAD_INPUT',
};

/** The first few problems of an input, in one line. */
function describeIssues(error: z.ZodError): string {
  const issues = error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
  return `The input does not fit: ${issues.join('; ')}`;
}
