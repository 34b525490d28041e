import { availableParallelism } from 'node:os';
import { isIP } from 'node:net';
import { z } from 'zod';
import { pipePorts } from './core/pipe-ports.ts';

/** Everything the server can be told, checked and typed. Made by {@link loadConfig} only. */
export type Config = ReturnType<typeof toConfig>;

/** Thrown by {@link loadConfig}; its message has one line for each bad value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length} problem(s):\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Variables with these prefixes are ours, so one that is not known is a spelling mistake worth stopping for. */
const ownPrefixes = /^(MEDIASOUP|TURN|LARAVEL|REDIS|RATE_LIMIT|ROOM|SSL|CORS|GIFT)_/;
/** Read by mediasoup and OpenSSL. */
const foreignVariables = new Set(['MEDIASOUP_WORKER_BIN', 'MEDIASOUP_LOCAL_DEV', 'SSL_CERT_FILE', 'SSL_CERT_DIR']);

const port = z.coerce.number().int().min(1).max(65_535);
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const origin = z.url({ protocol: /^https?$/ }).refine((value) => new URL(value).origin === value, {
  error: 'must be an origin such as https://app.example.com, without a path',
});
/** Values separated by commas. */
const list = <Entry extends z.ZodType<unknown, string>>(entry: Entry, preset = '') =>
  z
    .string()
    .default(preset)
    .transform((text) => text.split(',').flatMap((value) => value.trim() || []))
    .pipe(z.array(entry));
const hostName = /^(?!-)[a-z\d-]{1,63}(?<!-)(\.(?!-)[a-z\d-]{1,63}(?<!-))*$/i;

/** Every variable that is read. .env.example is tested against it. */
export const environmentSchema = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  HOST: z.string().default('0.0.0.0'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3030),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  SSL_KEY_PATH: z.string().optional(),
  SSL_CERT_PATH: z.string().optional(),
  CORS_ORIGINS: list(origin),

  REDIS_HOST: z.string().optional(),
  REDIS_PORT: port.default(6379),
  REDIS_PASSWORD: z.string().optional(),
  REDIS_DB: count(0, 15).default(3),
  REDIS_TLS: z.stringbool().default(false),

  LARAVEL_API_URL: z.url({ protocol: /^https?$/ }).optional(),
  LARAVEL_INTERNAL_KEY: z.string().min(32, 'must have at least 32 characters').optional(),

  MEDIASOUP_LISTEN_IP: list(z.union([z.ipv4(), z.ipv6()]), '0.0.0.0').refine((ips) => ips.length > 0, 'must name one'),
  MEDIASOUP_ANNOUNCED_IP: list(
    z.string().refine((value) => isIP(value) !== 0 || hostName.test(value), 'must be an IP address or a host name'),
  ),
  MEDIASOUP_WORKERS: count(1, 256).optional(),
  MEDIASOUP_RTC_BASE_PORT: z.coerce.number().int().min(0).max(65_000).default(40_000),
  MEDIASOUP_RTC_MIN_PORT: port.optional(),
  MEDIASOUP_RTC_MAX_PORT: port.optional(),

  TURN_URLS: list(z.string().regex(/^(stuns?|turns?):[^\s,]+$/, 'must be URLs such as turn:turn.example.com:3478')),
  /** coturn's `static-auth-secret`. */
  TURN_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),

  /** The loudest speakers of a room who are forwarded to its listeners; 0: all. */
  MAX_FORWARDED_SPEAKERS: count(0, 30).default(3),
  /** Streams that an audience router sends before another is opened. */
  MAX_STREAMS_PER_ROUTER: count(30, 100_000).default(1_500),
  MAX_ROOMS_PER_WORKER: count(1, 10_000).default(100),
  MAX_CLIENTS_PER_ROOM: count(1, 100_000).default(5_000),
  RATE_LIMIT_MESSAGES_PER_MINUTE: count(1, 100_000).default(60),
  RATE_LIMIT_GIFTS_PER_MINUTE: count(1, 100_000).default(30),

  /** Replicas that must confirm a gift before it counts as accepted; not set: one while any is connected. */
  GIFT_REPLICAS_ACK: count(0, 10).optional(),
  /** Takes the operator's word for `appendfsync always` where Redis does not let its CONFIG be read. */
  GIFT_REDIS_FSYNC_ALWAYS: z.stringbool().default(false),
  /** A gift that has been pending for longer is reported as a fault of the node. */
  GIFT_PENDING_ALARM_SECONDS: count(1, 86_400).default(120),

  /** Calls of one user on one node, over all connections; those beyond them wait. */
  RATE_LIMIT_CALLS_PER_SECOND: count(1, 1_000_000).default(50),
  MAX_CONNECTIONS_PER_USER: count(1, 10_000).default(20),
  MAX_CONNECTIONS_PER_ADDRESS: count(1, 1_000_000).default(5_000),
  /** Proxies in front that append to X-Forwarded-For; the client's address is taken from before them. */
  TRUST_PROXY_HOPS: count(0, 10).default(0),

  /** Members above which a room is not told of each listener who comes or goes. */
  ROOM_QUIET_ABOVE: count(1, 100_000).default(200),
  ROOM_GRACE_SECONDS: count(1, 600).default(30),
  ROOM_IDLE_SECONDS: count(1, 86_400).default(60),
  ROOM_EVENT_LOG_LENGTH: count(100, 100_000).default(2_000),
  /** Of rooms for which Laravel says nothing else. */
  ROOM_OPUS_PTIME: z.coerce
    .number()
    .pipe(z.literal([20, 40, 60]))
    .default(20),
  ROOM_OPUS_DTX: z.stringbool().default(false),
});

type Environment = z.infer<typeof environmentSchema>;

/**
 * Reads and checks the configuration.
 *
 * @param env - the environment, usually `process.env`; an empty value counts as not set
 * @throws ConfigError naming every bad, missing or unknown variable at once
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = environmentSchema.safeParse(set);
  const problems = [
    ...Object.keys(set)
      .filter((name) => ownPrefixes.test(name) && !(name in environmentSchema.shape) && !foreignVariables.has(name))
      .map((name) => `${name} is not a known setting`),
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path[0]?.toString() ?? 'environment'}: ${issue.message}`),
    ...(parsed.success ? contradictions(parsed.data) : []),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return toConfig(parsed.data);
}

/** What each value alone cannot show. */
function contradictions(env: Environment): string[] {
  const problems: string[] = [];
  if (env.NODE_ENV === 'production') {
    const required = ['REDIS_HOST', 'LARAVEL_API_URL', 'LARAVEL_INTERNAL_KEY', 'MEDIASOUP_ANNOUNCED_IP'] as const;
    for (const name of required) {
      if (env[name] === undefined || env[name].length === 0) problems.push(`${name} is required in production`);
    }
  } else {
    for (const name of ['LARAVEL_API_URL', 'LARAVEL_INTERNAL_KEY'] as const) {
      if (env[name] === undefined) problems.push(`${name} is required (npm run dev sets it by itself)`);
    }
  }
  if ((env.SSL_KEY_PATH === undefined) !== (env.SSL_CERT_PATH === undefined)) {
    problems.push('SSL_KEY_PATH and SSL_CERT_PATH must be set together');
  }
  const announced = env.MEDIASOUP_ANNOUNCED_IP.length;
  if (announced > 0 && announced !== env.MEDIASOUP_LISTEN_IP.length) {
    problems.push('MEDIASOUP_ANNOUNCED_IP must have as many entries as MEDIASOUP_LISTEN_IP');
  }
  if (env.TURN_URLS.some((url) => url.startsWith('turn')) && env.TURN_SECRET === undefined) {
    problems.push('TURN_SECRET is required with TURN_URLS of TURN servers');
  }
  const { MEDIASOUP_RTC_MIN_PORT: min, MEDIASOUP_RTC_MAX_PORT: max } = env;
  if ((min === undefined) !== (max === undefined)) {
    problems.push('MEDIASOUP_RTC_MIN_PORT and MEDIASOUP_RTC_MAX_PORT must be set together');
  } else if (min !== undefined && max !== undefined && max < min) {
    problems.push('MEDIASOUP_RTC_MAX_PORT must not be below MEDIASOUP_RTC_MIN_PORT');
  }
  // A range may overlap: a port of it that is taken is passed over.
  const { MEDIASOUP_RTC_BASE_PORT: first, MEDIASOUP_WORKERS: workers = availableParallelism() } = env;
  if (min === undefined && first <= pipePorts.max && first + workers > pipePorts.min) {
    problems.push(
      `MEDIASOUP_RTC_BASE_PORT must keep clear of ports ${pipePorts.min} to ${pipePorts.max}, which carry audio between workers`,
    );
  }
  return problems;
}

function toConfig(env: Environment) {
  return {
    environment: env.NODE_ENV,
    logLevel: env.LOG_LEVEL,
    http: {
      host: env.HOST,
      /** 0: any free port. */
      port: env.PORT,
      tls:
        env.SSL_KEY_PATH !== undefined && env.SSL_CERT_PATH !== undefined
          ? { keyPath: env.SSL_KEY_PATH, certPath: env.SSL_CERT_PATH }
          : null,
      corsOrigins: env.CORS_ORIGINS,
      proxyHops: env.TRUST_PROXY_HOPS,
    },
    redis: {
      host: env.REDIS_HOST ?? '127.0.0.1',
      port: env.REDIS_PORT,
      password: env.REDIS_PASSWORD ?? null,
      db: env.REDIS_DB,
      tls: env.REDIS_TLS,
    },
    laravel: {
      url: env.LARAVEL_API_URL ?? '',
      internalKey: env.LARAVEL_INTERNAL_KEY ?? '',
      /** Product specification: 10 s. */
      timeoutMs: 10_000,
    },
    media: {
      addresses: env.MEDIASOUP_LISTEN_IP.map((listenIp, index) => ({
        listenIp,
        announcedAddress: env.MEDIASOUP_ANNOUNCED_IP[index] ?? null,
      })),
      turn: { urls: env.TURN_URLS, secret: env.TURN_SECRET ?? null },
      workers: env.MEDIASOUP_WORKERS ?? availableParallelism(),
      maxStreamsPerRouter: env.MAX_STREAMS_PER_ROUTER,
      maxForwardedSpeakers: env.MAX_FORWARDED_SPEAKERS,
      maxRoomsPerWorker: env.MAX_ROOMS_PER_WORKER,
      /** A path from which nothing has come for so long is lost (RFC 7675). */
      iceConsentSeconds: 30,
      /** One UDP and TCP port a worker from here; 0: any free ports. Unused when there is a port range. */
      basePort: env.MEDIASOUP_RTC_BASE_PORT,
      portRange:
        env.MEDIASOUP_RTC_MIN_PORT !== undefined && env.MEDIASOUP_RTC_MAX_PORT !== undefined
          ? { minPort: env.MEDIASOUP_RTC_MIN_PORT, maxPort: env.MEDIASOUP_RTC_MAX_PORT }
          : null,
    },
    rooms: {
      maxClients: env.MAX_CLIENTS_PER_ROOM,
      quietAbove: env.ROOM_QUIET_ABOVE,
      graceMs: env.ROOM_GRACE_SECONDS * 1_000,
      idleMs: env.ROOM_IDLE_SECONDS * 1_000,
      eventLogLength: env.ROOM_EVENT_LOG_LENGTH,
      opus: { packetMs: env.ROOM_OPUS_PTIME, dtx: env.ROOM_OPUS_DTX },
      /** How long an invitation to a seat can be accepted. */
      invitationMs: 30_000,
    },
    gifts: {
      /** Null: one while any is connected. */
      replicasAck: env.GIFT_REPLICAS_ACK ?? null,
      trustFsync: env.GIFT_REDIS_FSYNC_ALWAYS,
      pendingAlarmMs: env.GIFT_PENDING_ALARM_SECONDS * 1_000,
    },
    limits: {
      chatPerMinute: env.RATE_LIMIT_MESSAGES_PER_MINUTE,
      giftsPerMinute: env.RATE_LIMIT_GIFTS_PER_MINUTE,
      callsPerSecond: env.RATE_LIMIT_CALLS_PER_SECOND,
      connectionsPerUser: env.MAX_CONNECTIONS_PER_USER,
      connectionsPerAddress: env.MAX_CONNECTIONS_PER_ADDRESS,
    },
    auth: {
      /** How often a live connection's token is looked up among the revoked ones; it is cut within a minute so. */
      revocationCheckMs: 50_000,
    },
  };
}
