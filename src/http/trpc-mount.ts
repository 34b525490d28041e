import websocket, { type WebsocketPluginOptions } from '@fastify/websocket';
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify';
import { getWSConnectionHandler, type WSSHandlerOptions } from '@trpc/server/adapters/ws';
import type { FastifyInstance } from 'fastify';
import { WebSocket } from 'ws';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Context } from '../routers/context.ts';
import { type AppRouter, appRouter } from '../routers/index.ts';
import { closeCodes, Connection, type Connections } from '../services/connections.ts';
import type { Services } from '../services/index.ts';
import { CallAllowance } from './call-allowance.ts';
import { EventSocket, makeEncoder, socketOptions } from './event-socket.ts';
import { FairQueue } from './fair-queue.ts';
import { maxBatchSize } from './inbox.ts';
import type { InternalKeyGuard } from './internal-key.ts';
import { isOriginAllowed } from './origin.ts';
import type { SocketMetrics } from './socket-metrics.ts';

/** Where tRPC is, over WebSocket and HTTP. */
const path = '/trpc';
/** Largest inbound frame, bytes; it also bounds what superjson may have to unpack, which can be far more. */
const maxFrameBytes = 64 * 1024;
/** Pieces that an inbound frame may come in; no client that we know of sends pieces of less than 1 KiB. */
const maxFragments = 64;
/** A socket must say who it is within this time, ms. */
const authenticationMs = 5_000;
/** A refused socket is closed after this time, so that the refusal reaches the client first, ms. */
const refusedMs = 1_000;
/** A client that does not answer the server's close is cut after this time, ms. */
const unansweredCloseMs = 1_000;
/** Mobile systems suspend sockets: ping after 25 s of quiet, gone after 60 s, ms. */
const keepAlive = { enabled: true, pingMs: 25_000, pongWaitMs: 35_000 };
/** RFC 6455: the server restarts. */
const serviceRestart = 1012;
/** Sockets that do not answer the close at shutdown are cut after this time, ms. */
const closeMs = 2_000;

type ServerOptions = NonNullable<WebsocketPluginOptions['options']>;

export interface TrpcMountOptions {
  readonly services: Services;
  readonly connections: Connections;
  readonly logger: Logger;
  readonly keyGuard: InternalKeyGuard;
  readonly allowedOrigins: readonly string[];
  readonly production: boolean;
  /** Calls of one user that are handled without delay, in the long run. */
  readonly callsPerSecond: number;
  readonly metrics: SocketMetrics;
}

/** Serves the routers at `/trpc`: for clients over WebSocket, for admin tools over HTTP too. */
export async function mountTrpc(server: FastifyInstance, options: TrpcMountOptions): Promise<void> {
  const { services, connections, logger, keyGuard, metrics } = options;
  await server.register(websocket, {
    options: {
      ...socketOptions,
      maxPayload: maxFrameBytes,
      maxFragments,
      // ws only constructs it; the type asks for the module's other exports too.
      WebSocket: EventSocket as unknown as ServerOptions['WebSocket'],
    },
    errorHandler: (error, socket) => {
      logger.debug({ err: error }, 'A socket failed');
      socket.terminate();
    },
    preClose: async () => closeSockets([...server.websocketServer.clients]),
  });

  const queue = new FairQueue();
  const allowance = new CallAllowance(options.callsPerSecond);
  const bySocket = new WeakMap<
    WebSocket,
    { readonly connection: Connection; readonly adminRefusal: AppError | null }
  >();
  const adapter: WSSHandlerOptions<AppRouter> = {
    wss: server.websocketServer,
    router: appRouter,
    keepAlive,
    maxBatchSize,
    createContext: async ({ res: socket, info }): Promise<Context> => {
      const known = bySocket.get(socket);
      if (known === undefined) throw new AppError('INTERNAL', { message: 'A socket came without a connection' });
      const { connection, adminRefusal } = known;
      const token = info.connectionParams?.['token'];
      // An operator need not be a user.
      const refusal =
        adminRefusal === null && token === undefined
          ? new AppError('UNAUTHENTICATED')
          : await (socket as EventSocket).untilKnown(authenticate(connection, token));
      return { services, logger, connection, refusal, adminRefusal };
    },
  };

  async function authenticate(connection: Connection, token: unknown): Promise<AppError | null> {
    try {
      await connections.authenticate(connection, token);
      return null;
    } catch (error) {
      const refusal = error instanceof AppError ? error : new AppError('SERVICE_UNAVAILABLE', { cause: error });
      logger.info({ connectionId: connection.id, code: refusal.code }, 'Connection refused');
      const code = refusal.retryable ? serviceRestart : closeCodes.unauthenticated;
      setTimeout(() => connection.close(code, refusal.code), refusedMs).unref();
      return refusal;
    }
  }

  server.get(
    path,
    {
      websocket: true,
      preValidation: async (request, reply) => {
        const allowed = isOriginAllowed(request.headers, {
          listed: options.allowedOrigins,
          production: options.production,
        });
        if (!allowed) return reply.code(403).send({ error: 'This origin may not connect' });
        if (!connections.accepts(request.ip)) return reply.code(429).send({ error: 'Too many connections' });
      },
    },
    (socket, request) => {
      const gone = new AbortController();
      const connection = new Connection(gone.signal, (code, reason) => {
        socket.close(code, reason);
        setTimeout(() => socket.terminate(), unansweredCloseMs).unref();
      });
      const adminRefusal = keyGuard.refusalOf(request.headers['x-internal-key'], request.ip);
      bySocket.set(socket, { connection, adminRefusal });
      connections.add(connection, request.ip);
      const deadline = setTimeout(() => {
        if (!connection.presented && adminRefusal !== null)
          connection.close(closeCodes.unauthenticated, 'UNAUTHENTICATED');
      }, authenticationMs);
      socket.on('close', () => {
        clearTimeout(deadline);
        gone.abort();
        void services.members.connectionLost(connection);
      });
      const eventSocket = socket as EventSocket;
      eventSocket.bind(request.raw.socket, {
        queue,
        pay: (calls) => {
          const waitMs = allowance.take(connection.userId ?? connection.id, calls);
          if (waitMs > 0) metrics.delayed();
          return waitMs;
        },
        onFlood: () => {
          metrics.cutFlooding();
          connection.close(closeCodes.flooding, 'RATE_LIMITED');
        },
        onUnread: () => metrics.cutUnread(),
      });
      // A handler a connection, since encoder and decoder belong to this connection.
      getWSConnectionHandler({ ...adapter, experimental_encoder: makeEncoder(eventSocket) })(socket, request.raw);
    },
  );

  const http: FastifyTRPCPluginOptions<AppRouter> = {
    prefix: path,
    trpcOptions: {
      router: appRouter,
      // One procedure a path, so that a proxy can tell by it what is asked for.
      allowBatching: false,
      createContext: ({ req }): Context => {
        const adminRefusal = keyGuard.refusalOf(req.headers['x-internal-key'], req.ip);
        return { services, logger, connection: null, refusal: null, adminRefusal };
      },
    },
  };
  await server.register(fastifyTRPCPlugin, http);
}

/** Tells every client to come back, and cuts those that do not answer. */
async function closeSockets(sockets: readonly WebSocket[]): Promise<void> {
  const closed = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        if (socket.readyState === WebSocket.CLOSED) return resolve();
        const cut = setTimeout(() => socket.terminate(), closeMs);
        socket.once('close', () => {
          clearTimeout(cut);
          resolve();
        });
        socket.close(serviceRestart, 'The server restarts');
      }),
  );
  await Promise.all(closed);
}
