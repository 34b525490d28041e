/**
 * A stand-in for the Laravel back end, for development and tests only: it speaks the contract of
 * docs/LARAVEL_REQUIREMENTS.md with real tokens, a real ledger and real transactions in SQLite. The server never
 * imports it.
 */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { openDatabase } from './database.ts';
import { Faults } from './faults.ts';
import { Gifts } from './gifts.ts';
import type { Gift, LedgerEntry } from './gifts.ts';
import { createHttp } from './http.ts';
import { Rooms } from './rooms.ts';
import type { NewRoom, Room, RoomStatus, SeatMode } from './rooms.ts';
import { seed } from './seeds.ts';
import { Users, sha256 } from './users.ts';
import type { NewUser, UserWithToken } from './users.ts';

export type { Fault } from './faults.ts';
export type { Gift, LedgerEntry, NewRoom, NewUser, Room, RoomStatus, UserWithToken };

export interface LaravelStandInOptions {
  /** SQLite file, or `:memory:`. */
  readonly database: string;
  /** What requests must carry as `X-Internal-Key`. */
  readonly internalKey: string;
  /** Says nothing by default. */
  readonly logger?: FastifyBaseLogger;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** A free one by default. */
  readonly port?: number;
  /** The audio server's Redis (an ioredis client fits), for revocations; without it they are only answered. */
  readonly redis?: RevocationStore;
}

/** What a revocation needs of Redis. */
export interface RevocationStore {
  set(key: string, value: string, unit: 'EX', seconds: number): Promise<unknown>;
}

/** What the audio server said about a room, and when. */
export interface StatusCall extends RoomStatus {
  readonly roomId: string;
  /** ms since the epoch. */
  readonly receivedAt: number;
}

export interface LaravelStandIn {
  /** Base address, without a slash at the end. Throws before the first `start()`. */
  readonly url: string;
  /** Users whose plain token is known: the seeded ones, then those added. */
  readonly users: readonly UserWithToken[];
  /** Rooms open to join. */
  readonly rooms: readonly Room[];
  /** The catalogue. */
  readonly gifts: readonly Gift[];
  /** Misbehaviour on demand. */
  readonly faults: Faults;
  /** Ids of gifts that are malformed to this back end: a batch with one of them is refused as a whole (422). */
  readonly unreadable: Set<string>;
  /** Listens; answers the base address. After a `stop()` it is the same one, so that an outage can be played. */
  start(): Promise<string>;
  /** Stops listening and cuts open connections; all data stays. Idempotent. */
  stop(): Promise<void>;
  /** Stops and closes the database, for good. Idempotent. */
  close(): Promise<void>;
  addUser(user: NewUser): UserWithToken;
  /** Gives a user one more token, as a log-in on another device does. */
  addToken(userId: number): string;
  addRoom(room: NewRoom): Room;
  /** Makes a user an admin of a room, or an ordinary member again. */
  setAdmin(roomId: string, userId: number, isAdmin?: boolean): void;
  /** Blocks a user in a room, or lifts that. */
  setBlocked(roomId: string, userId: number, isBlocked?: boolean): void;
  setTitle(roomId: string, title: string): void;
  /** Gives the room to another user; the owner of before is an ordinary member then. */
  setOwner(roomId: string, userId: number): void;
  /** How the room's seats are given when it opens next. */
  setSeatMode(roomId: string, mode: SeatMode): void;
  /** The room is no longer listed and answers 404. */
  closeRoom(id: string): void;
  addGift(gift: Gift): void;
  /** Coins, or null when there is no such user. */
  balance(userId: number): number | null;
  /** Every gift ever decided, oldest first. */
  ledger(): readonly LedgerEntry[];
  /** The newest room statuses (10,000 at most), oldest first. */
  statusCalls(): readonly StatusCall[];
  /**
   * Logs a token out: removes it and sets its revocation key, made from the token's secret part (what Sanctum stores)
   * or from the whole token. Answers the key.
   */
  revokeToken(token: string, keyOf?: 'secret' | 'wholeToken'): Promise<string>;
  /** Removes all tokens of a user and sets the user's revocation key. Answers the key. */
  revokeUser(userId: number): Promise<string>;
}

const REVOCATION_SECONDS = 86_400;
const STATUS_CALLS_KEPT = 10_000;

/** Opens (and fills, when empty) the stand-in's database; call `start()` to listen. */
export function createLaravelStandIn(options: LaravelStandInOptions): LaravelStandIn {
  const { internalKey, logger, host = '127.0.0.1', redis } = options;
  const database = openDatabase(options.database);
  const tables = { users: new Users(database), rooms: new Rooms(database), gifts: new Gifts(database) };
  const knownUsers = seed(database, tables);
  const statusCalls: StatusCall[] = [];
  const faults = new Faults();
  const unreadable = new Set<string>();
  let port = options.port ?? 0;
  let url: string | null = null;
  let http: FastifyInstance | null = null;

  function onStatus(roomId: string, status: RoomStatus): void {
    statusCalls.push({ roomId, ...status, receivedAt: Date.now() });
    if (statusCalls.length > STATUS_CALLS_KEPT) statusCalls.shift();
  }

  async function start(): Promise<string> {
    if (http !== null && url !== null) return url;
    const starting = createHttp({ internalKey, ...tables, faults, unreadable, onStatus, logger });
    url = await starting.listen({ host, port });
    port = Number(new URL(url).port);
    http = starting;
    return url;
  }

  async function stop(): Promise<void> {
    const running = http;
    http = null;
    await running?.close();
  }

  async function revoke(key: string): Promise<string> {
    await redis?.set(key, '1', 'EX', REVOCATION_SECONDS);
    return key;
  }

  return {
    get url() {
      if (url === null) throw new Error('the Laravel stand-in has no address before start()');
      return url;
    },
    get users() {
      return knownUsers;
    },
    get rooms() {
      return tables.rooms.listOpen();
    },
    get gifts() {
      return tables.gifts.list();
    },
    faults,
    unreadable,
    start,
    stop,
    async close() {
      await stop();
      if (database.isOpen) database.close();
    },
    addUser(user) {
      const added = tables.users.add(user);
      knownUsers.push(added);
      return added;
    },
    addToken: (userId) => tables.users.addToken(userId),
    addRoom: (room) => tables.rooms.add(room),
    setAdmin: (roomId, userId, isAdmin = true) => tables.rooms.setAdmin(roomId, userId, isAdmin),
    setBlocked: (roomId, userId, isBlocked = true) => tables.rooms.setBlocked(roomId, userId, isBlocked),
    setTitle: (roomId, title) => tables.rooms.setTitle(roomId, title),
    setOwner: (roomId, userId) => tables.rooms.setOwner(roomId, userId),
    setSeatMode: (roomId, mode) => tables.rooms.setSeatMode(roomId, mode),
    closeRoom: (id) => tables.rooms.close(id),
    addGift: (gift) => tables.gifts.add(gift),
    balance: (userId) => tables.users.balance(userId),
    ledger: () => tables.gifts.ledger(),
    statusCalls: () => [...statusCalls],
    async revokeToken(token, keyOf = 'secret') {
      const storedHash = tables.users.deleteToken(token);
      if (storedHash === null) throw new Error('there is no such token');
      return revoke(`auth:revoked:${keyOf === 'secret' ? storedHash : sha256(token)}`);
    },
    async revokeUser(userId) {
      tables.users.deleteTokensOf(userId);
      return revoke(`auth:revoked:user:${userId}`);
    },
  };
}
