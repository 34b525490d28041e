import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import fastifyCors from '@fastify/cors';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { RtpCapabilities } from 'mediasoup/types';
import { v4 as uuidv4 } from 'uuid';
import type { Config } from './config.ts';
import type { NodeId } from './core/ids.ts';
import { createLogger, type Logger } from './core/logger.ts';
import { mountClient } from './http/client.ts';
import { GiftMetrics } from './http/gift-metrics.ts';
import { mountHealth } from './http/health.ts';
import { InternalKeyGuard } from './http/internal-key.ts';
import { mountLaravelEvents } from './http/laravel-events.ts';
import { mountMetrics } from './http/metrics.ts';
import { SocketMetrics } from './http/socket-metrics.ts';
import { mountTrpc } from './http/trpc-mount.ts';
import { trpcWireFormat } from './http/trpc-wire-format.ts';
import { MediaRooms } from './media/media-rooms.ts';
import { WorkerPool } from './media/worker-pool.ts';
import { Authenticator } from './services/auth.ts';
import { Chat } from './services/chat.ts';
import { ChatStore } from './services/chat-store.ts';
import { Connections } from './services/connections.ts';
import { ControlBus } from './services/control-bus.ts';
import { EventReader } from './services/event-reader.ts';
import { EventReplay } from './services/event-replay.ts';
import { LogPages } from './services/log-pages.ts';
import { GiftGuard } from './services/gifts/gift-guard.ts';
import { GiftHealth } from './services/gifts/gift-health.ts';
import { GiftOutcomes } from './services/gifts/gift-outcomes.ts';
import { GiftQueue } from './services/gifts/gift-queue.ts';
import { GiftReview } from './services/gifts/gift-review.ts';
import { GiftSettlement } from './services/gifts/gift-settlement.ts';
import { GiftStage } from './services/gifts/gift-stage.ts';
import { Gifts } from './services/gifts/gifts.ts';
import type { Services } from './services/index.ts';
import { IceServers } from './services/ice-servers.ts';
import { LaravelClient } from './services/laravel.ts';
import { LaravelEvents } from './services/laravel-events.ts';
import { LocalRooms } from './services/local-rooms.ts';
import { MemberAudio } from './services/member-audio.ts';
import { Members } from './services/members.ts';
import { Moderation } from './services/moderation.ts';
import { NodeRooms, Nodes } from './services/nodes.ts';
import { ProducerStore } from './services/producer-store.ts';
import { RateLimit } from './services/rate-limit.ts';
import { RateLimitOverrides } from './services/rate-limit-overrides.ts';
import { Reactions } from './services/reactions.ts';
import { connectRedis } from './services/redis/connection.ts';
import { Scripts } from './services/redis/scripts.ts';
import { RevocationList } from './services/revocation.ts';
import { RoomDirectory } from './services/room-directory.ts';
import { RoomOverview } from './services/room-overview.ts';
import { RoomStatusReporter } from './services/room-status.ts';
import { RoomStore } from './services/room-store.ts';
import { RoomTending } from './services/room-tending.ts';
import { RoomWatch } from './services/room-watch.ts';
import { Seats } from './services/seats.ts';

/** What tests put in the place of the usual parts. */
export interface AppOverrides {
  readonly logger?: Logger;
  /** The built web client. */
  readonly clientDirectory?: string;
  /** Events kept in memory a room; fewer than usual make reconnecting clients read from Redis. */
  readonly ringLength?: number;
  /** Stands between everybody and the queue of gifts. */
  readonly wrapGiftQueue?: (queue: GiftQueue) => GiftQueue;
  /** Stands between everybody and Laravel. */
  readonly wrapLaravel?: (laravel: LaravelClient) => LaravelClient;
}

/** A running or stopped server. */
export interface App {
  /**
   * Connects, starts the workers and listens.
   *
   * @returns the address it listens on, without a trailing slash
   * @throws Error when Redis or a worker cannot be had, or the port is taken; everything begun is ended again
   */
  start(): Promise<string>;
  /** Ends everything that was started, last first. Safe to call twice and at any time. */
  stop(): Promise<void>;
}

const builtClient = fileURLToPath(new URL('../client/.output/public', import.meta.url));
/** A room has a stage router and at least one audience router. */
const routersPerRoom = 2;
/** What rooms are planned for; only an estimate of load goes by it. */
const usualSeats = 15;

/** Puts the server together: every part is made here and handed to those that use it. */
export function createApp(config: Config, overrides: AppOverrides = {}): App {
  const logger = overrides.logger ?? createLogger(config.logLevel);
  const cleanups: { readonly name: string; readonly run: () => unknown }[] = [];
  let starting: Promise<string> | null = null;
  let stopping: Promise<void> | null = null;

  async function begin(): Promise<string> {
    try {
      return await start(config, overrides, logger, (name, run) => cleanups.push({ name, run }));
    } catch (error) {
      await cleanUp();
      throw error;
    }
  }

  async function end(): Promise<void> {
    // What a start still under way is about to make is ended too.
    await starting?.catch(() => undefined);
    await cleanUp();
  }

  async function cleanUp(): Promise<void> {
    for (const { name, run } of cleanups.splice(0).reverse()) {
      try {
        await run();
      } catch (error) {
        logger.warn({ err: error, part: name }, 'A part did not stop cleanly');
      }
    }
  }

  return {
    start: () => (starting ??= begin()),
    stop: () => (stopping ??= end()),
  };
}

const same = <T>(part: T): T => part;

/** Registers what undoes a step; run in reverse order at the stop. */
type OnStop = (name: string, run: () => unknown) => void;

async function start(config: Config, overrides: AppOverrides, logger: Logger, onStop: OnStop): Promise<string> {
  const nodeId = uuidv4() as NodeId;
  const redis = await connectRedis(config.redis, 'commands', logger);
  onStop('Redis', () => redis.quit());
  const subscriber = await connectRedis(config.redis, 'subscriber', logger);
  onStop('Redis subscriber', () => subscriber.quit());

  const workers = await startWorkers(config, logger);
  onStop('mediasoup workers', () => workers.close());
  const mediaRooms = new MediaRooms({
    pool: workers,
    logger,
    maxForwardedSpeakers: config.media.maxForwardedSpeakers,
    listenersPerRouter: listenersPerRouter(config),
  });

  const scripts = new Scripts(redis, config.rooms.eventLogLength);
  const store = new RoomStore(redis, scripts);
  const producers = new ProducerStore(scripts);
  const { wrapLaravel = same, wrapGiftQueue = same } = overrides;
  const laravel = wrapLaravel(new LaravelClient(config.laravel, logger));
  const control = new ControlBus(redis, subscriber, logger);
  const revocations = new RevocationList(redis, control);
  const auth = new Authenticator(redis, laravel, revocations, logger);
  const { chatPerMinute, giftsPerMinute, callsPerSecond, connectionsPerUser, connectionsPerAddress } = config.limits;
  const connections = new Connections(
    { perUser: connectionsPerUser, perAddress: connectionsPerAddress, ...config.auth },
    { auth, revocations, control, logger },
  );
  const directory = new RoomDirectory(laravel, store, config.rooms.opus);
  directory.followChanges(control);
  const reader = new EventReader(redis, subscriber, logger, overrides.ringLength);
  const rooms = new LocalRooms({
    reader,
    media: mediaRooms,
    store,
    producers,
    wire: trpcWireFormat,
    logLength: config.rooms.eventLogLength,
    nodeId,
    logger,
  });
  onStop('rooms', () => rooms.closeAll());

  const nodeRooms = new NodeRooms(redis, nodeId);
  const status = new RoomStatusReporter(laravel, { store, nodeRooms, logger });
  const { graceMs, idleMs, invitationMs, maxClients, quietAbove } = config.rooms;
  const tending = new RoomTending({ idleMs }, { store, status, nodeRooms, logger });
  const seats = new Seats({ invitationMs }, { redis, scripts, tending });
  const nodes = new Nodes({ nodeId, graceMs }, { redis, scripts, store, tending, nodeRooms, status, logger });
  const members = new Members(
    { nodeId, maxClients, quietAbove, graceMs, idleMs },
    { store, directory, rooms, nodeRooms, tending, status, logger },
  );
  // A connection of their own: waiting for replicas holds up everything on it.
  const giftRedis = await connectRedis(config.redis, 'commands', logger);
  onStop('Redis of gifts', () => giftRedis.quit());
  const giftScripts = new Scripts(giftRedis, config.rooms.eventLogLength);
  const giftQueue = wrapGiftQueue(new GiftQueue(giftRedis, giftScripts, nodeId));
  const giftGuard = new GiftGuard(
    giftRedis,
    { wantedReplicas: config.gifts.replicasAck, trustFsync: config.gifts.trustFsync },
    logger,
  );
  const giftReview = new GiftReview(redis, scripts);
  const giftOutcomes = new GiftOutcomes(redis, subscriber, scripts, logger);
  const giftMetrics = new GiftMetrics();
  const stage = new GiftStage(giftQueue, store, logger);
  const giftSettlement = new GiftSettlement({ queue: giftQueue, ledger: laravel, stage, meter: giftMetrics, logger });
  const giftHealth = new GiftHealth(config.gifts.pendingAlarmMs, {
    guard: giftGuard,
    review: giftReview,
    settlement: giftSettlement,
  });

  const reactions = new Reactions({
    commands: redis,
    subscriber,
    show: (roomId, counts) => rooms.find(roomId)?.activity.addReactions(counts),
    logger,
  });

  const socketMetrics = new SocketMetrics();
  const services: Services = {
    directory,
    store,
    members,
    seats,
    moderation: new Moderation({ idleMs }, { scripts, store, directory, nodeRooms, tending, status }),
    media: new MemberAudio(nodeId, { producers, seats, logger }),
    chat: new Chat(
      new ChatStore(redis, scripts),
      new RateLimit(scripts, { name: 'chat', perMinute: chatPerMinute, withoutRedis: 'local' }),
    ),
    gifts: new Gifts({
      store,
      directory,
      queue: giftQueue,
      guard: giftGuard,
      stage,
      limit: new RateLimit(scripts, { name: 'gift', perMinute: giftsPerMinute, withoutRedis: 'refuse' }),
      meter: giftMetrics,
      onQueued: (senderId, backlog) => giftSettlement.notice(senderId, backlog),
    }),
    giftOutcomes,
    giftReview,
    giftSettlement,
    replay: new EventReplay(new LogPages(reader), store, trpcWireFormat, socketMetrics),
    reactions,
    revocations,
    rateLimits: new RateLimitOverrides(redis, { chat: chatPerMinute, gift: giftsPerMinute }),
    overview: new RoomOverview(redis, directory, logger),
    watch: new RoomWatch(reader, store),
    workers,
    rtpCapabilities: await readCapabilities(workers),
    iceServers: new IceServers(config.media.turn),
    graceMs,
  };

  await control.start();
  await reactions.start();
  onStop('reactions', () => reactions.stop());
  // Stopped in reverse: no new work, sockets closed, the last reports made, this node's members marked as away.
  await nodes.start();
  onStop('heartbeat', () => nodes.stop());
  onStop('room status', () => status.stop());
  onStop('tending', () => tending.stop());
  await giftOutcomes.start();
  giftSettlement.start();
  onStop('gift settlement', () => giftSettlement.stop());
  onStop('members', () => members.stop());

  let accepting = false;
  const server = await makeServer(config, logger);
  onStop('HTTP server', () => server.close());
  mountHealth(server, {
    redisAnswers: () =>
      redis.ping().then(
        () => true,
        () => false,
      ),
    workers: () => ({ count: workers.size, healthy: workers.healthy }),
    roomCount: () => rooms.size,
    giftProblem: () => giftHealth.problem(),
    acceptsWork: () => accepting,
  });
  mountMetrics(server, {
    roomCount: () => rooms.size,
    connectionCount: () => connections.size,
    memberQualities: () => rooms.qualities,
    workerStats: () => workers.stats(),
    sockets: socketMetrics,
    gifts: giftMetrics,
    giftSources: {
      backlog: () => giftReview.backlog(),
      paused: () => giftSettlement.denied || giftSettlement.heldBack,
    },
  });
  const keyGuard = new InternalKeyGuard(config.laravel.internalKey);
  mountLaravelEvents(server, {
    events: new LaravelEvents({ redis, control, revocations, store, moderation: services.moderation }),
    keyGuard,
    logger,
  });
  await mountTrpc(server, {
    services,
    connections,
    logger,
    keyGuard,
    allowedOrigins: config.http.corsOrigins,
    production: config.environment === 'production',
    callsPerSecond,
    metrics: socketMetrics,
  });
  if (!(await mountClient(server, overrides.clientDirectory ?? builtClient))) {
    logger.info('No built web client; serving the API only (npm run build:client makes one)');
  }
  await server.listen({ host: config.http.host, port: config.http.port });
  accepting = true;
  onStop('readiness', () => (accepting = false));

  const address = addressOf(server, config);
  logger.info({ nodeId, workers: workers.size }, 'Ready');
  return address;
}

async function startWorkers({ media }: Config, logger: Logger): Promise<WorkerPool> {
  const { addresses, basePort, portRange } = media;
  const common = {
    size: media.workers,
    logLevel: 'warn' as const,
    logger,
    maxForwarded: media.maxForwardedSpeakers,
    iceConsentSeconds: media.iceConsentSeconds,
    maxRoutersPerWorker: media.maxRoomsPerWorker * routersPerRoom,
  };
  return WorkerPool.create(
    portRange === null
      ? { ...common, webRtcServer: { addresses, basePort } }
      : { ...common, portRange: { addresses, ...portRange } },
  );
}

/** How many listeners fill an audience router. Without a limit of speakers they are taken to hear all seats' worth. */
function listenersPerRouter({ media }: Config): number {
  return Math.max(1, Math.floor(media.maxStreamsPerRouter / (media.maxForwardedSpeakers || usualSeats)));
}

/** All routers are made with the same codecs, so one that lives for a moment speaks for all. */
async function readCapabilities(workers: WorkerPool): Promise<RtpCapabilities> {
  const router = await workers.leastLoaded().createRouter();
  const capabilities = router.rtpCapabilities;
  router.close();
  return capabilities;
}

async function makeServer({ http }: Config, logger: Logger): Promise<FastifyInstance> {
  const options = {
    loggerInstance: logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 64 * 1024,
    trustProxy: (_address: string, hop: number) => hop < http.proxyHops,
    forceCloseConnections: true,
  };
  const server =
    http.tls === null
      ? Fastify(options)
      : (Fastify({
          ...options,
          https: { key: readFileSync(http.tls.keyPath), cert: readFileSync(http.tls.certPath) },
        }) as unknown as FastifyInstance);
  await server.register(fastifyCors, { origin: [...http.corsOrigins] });
  server.addHook('onSend', async (_request, reply) => {
    void reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
  });
  return server;
}

function addressOf(server: FastifyInstance, { http }: Config): string {
  const { port } = server.server.address() as AddressInfo;
  const host = http.host === '0.0.0.0' || http.host === '::' ? '127.0.0.1' : http.host;
  return `${http.tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
