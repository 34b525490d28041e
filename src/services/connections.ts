import { v4 as uuidv4 } from 'uuid';
import type { AppCode } from '../core/errors.ts';
import { AppError } from '../core/errors.ts';
import type { ConnectionId, RoomId, UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Authenticator, Identity } from './auth.ts';
import type { ControlBus, ControlMessage } from './control-bus.ts';
import type { LocalMember } from './local-room.ts';
import type { RevocationList } from './revocation.ts';

/** Subscriptions of one connection; a client needs six. */
const mostSubscriptions = 20;

/** WebSocket close codes of ours (RFC 6455 leaves 4000-4999 to applications). */
export const closeCodes = {
  /** The token is missing, wrong or revoked: reconnecting with it is of no use. */
  unauthenticated: 4401,
  /** The same session goes on over a newer connection. */
  superseded: 4409,
  /** The client has sent more than its rate allows for too long without a pause. */
  flooding: 4429,
} as const;

/** One client's socket: who it is and which room it is in. */
export class Connection {
  readonly id = uuidv4() as ConnectionId;
  /** Aborts when the socket is gone. */
  readonly closed: AbortSignal;
  /** Where the client is, as far as it is known behind proxies; null before the connection is counted. */
  address: string | null = null;
  /** The membership that this connection carries. Set by Members and LocalRoom. */
  member: LocalMember | null = null;
  readonly #ended = new Map<RoomId, AppCode>();
  readonly #close: (code: number, reason: string) => void;
  #identity: Identity | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #subscriptions = 0;
  #presented = false;
  #revoked = false;

  /**
   * @param closed - aborts when the socket is gone
   * @param close - ends the socket
   */
  constructor(closed: AbortSignal, close: (code: number, reason: string) => void) {
    this.closed = closed;
    this.#close = close;
  }

  /** @throws AppError UNAUTHENTICATED before authentication has succeeded, TOKEN_REVOKED after {@link revoke} */
  get identity(): Identity {
    if (this.#revoked) throw new AppError('TOKEN_REVOKED');
    if (this.#identity === null) throw new AppError('UNAUTHENTICATED');
    return this.#identity;
  }

  /** The user, once known. */
  get userId(): UserId | null {
    return this.#identity?.user.id ?? null;
  }

  /** Whether the client has shown a token, good or bad. */
  get presented(): boolean {
    return this.#presented;
  }

  /** Whether the user has lost access: nothing of the connection is kept for a return. */
  get revoked(): boolean {
    return this.#revoked;
  }

  /**
   * Finds out who the client is.
   *
   * @throws AppError what `check` throws when the client is refused
   */
  async authenticate(check: () => Promise<Identity>): Promise<void> {
    this.#presented = true;
    this.#identity = await check();
  }

  /** Runs a task when those before it are over: a connection carries one membership, so its joins must not overlap. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Notes why a membership ended, so that later calls can say so; nothing when another one has taken its place. */
  endMembership(member: LocalMember, reason: AppCode): void {
    if (this.member !== null && this.member !== member) return;
    this.member = null;
    this.#ended.set(member.roomId, reason);
  }

  /**
   * The membership of this connection in a room.
   *
   * @throws AppError NOT_IN_ROOM, or why the membership ended (SESSION_REPLACED)
   */
  memberOf(roomId: RoomId): LocalMember {
    if (this.member?.roomId === roomId) return this.member;
    throw new AppError(this.#ended.get(roomId) ?? 'NOT_IN_ROOM');
  }

  /**
   * Counts a subscription.
   *
   * @returns a function that gives its place back
   * @throws AppError TOO_MANY_SUBSCRIPTIONS
   */
  addSubscription(): () => void {
    if (this.#subscriptions >= mostSubscriptions) throw new AppError('TOO_MANY_SUBSCRIPTIONS');
    this.#subscriptions += 1;
    return () => (this.#subscriptions -= 1);
  }

  close(code: number, reason: string): void {
    this.#close(code, reason);
  }

  /** Ends the socket, and the membership that it carries, because the token or its user has been revoked. */
  revoke(): void {
    this.#revoked = true;
    this.#close(closeCodes.unauthenticated, 'TOKEN_REVOKED');
  }
}

export interface ConnectionsOptions {
  readonly perUser: number;
  readonly perAddress: number;
  /** How often a live connection's token is looked up among the revoked ones, ms. */
  readonly revocationCheckMs: number;
}

/** The live connections of this process: counted by user and address, and cut when their token is revoked. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #auth: Authenticator;
  readonly #revocations: RevocationList;
  readonly #logger: Logger;
  readonly #byAddress = new Tally<string>();
  readonly #byUser = new Tally<UserId>();
  readonly #authenticated = new Set<Connection>();
  #size = 0;

  constructor(
    options: ConnectionsOptions,
    use: {
      readonly auth: Authenticator;
      readonly revocations: RevocationList;
      readonly control: ControlBus;
      readonly logger: Logger;
    },
  ) {
    this.#options = options;
    this.#auth = use.auth;
    this.#revocations = use.revocations;
    this.#logger = use.logger;
    use.control.on('message', (message) => this.#cutThoseOf(message));
  }

  get size(): number {
    return this.#size;
  }

  /** Whether an address has room for another connection. */
  accepts(address: string): boolean {
    return this.#byAddress.count(address) < this.#options.perAddress;
  }

  /** Counts a connection until its socket is gone. */
  add(connection: Connection, address: string): void {
    connection.address = address;
    this.#size += 1;
    this.#byAddress.add(address);
    onAbort(connection.closed, () => {
      this.#size -= 1;
      this.#byAddress.remove(address);
    });
  }

  /**
   * Finds out who a connection belongs to, and looks from time to time whether the token is still good.
   *
   * @throws AppError as Authenticator.authenticate, and TOO_MANY_CONNECTIONS
   */
  async authenticate(connection: Connection, token: unknown): Promise<void> {
    await connection.authenticate(() => this.#auth.authenticate(token));
    const { id } = connection.identity.user;
    if (this.#byUser.count(id) >= this.#options.perUser) throw new AppError('TOO_MANY_CONNECTIONS');
    this.#byUser.add(id);
    this.#authenticated.add(connection);
    const timer = setInterval(() => void this.#cutIfRevoked(connection), this.#options.revocationCheckMs).unref();
    onAbort(connection.closed, () => {
      clearInterval(timer);
      this.#authenticated.delete(connection);
      this.#byUser.remove(id);
    });
  }

  /** Cuts the connections that a revocation speaks of. */
  #cutThoseOf(message: ControlMessage): void {
    if (message.type !== 'userRevoked' && message.type !== 'tokenRevoked') return;
    for (const connection of [...this.#authenticated]) {
      const { user, token } = connection.identity;
      const concerned =
        message.type === 'userRevoked'
          ? user.id === message.userId
          : token.whole === message.tokenHash || token.secret === message.tokenHash;
      if (concerned) this.#cut(connection);
    }
  }

  async #cutIfRevoked(connection: Connection): Promise<void> {
    if (connection.revoked) return;
    const { user, token } = connection.identity;
    try {
      if (await this.#revocations.isRevoked(token, user.id)) this.#cut(connection);
    } catch (error) {
      this.#logger.warn({ err: error }, 'A revocation check failed; the next one will tell');
    }
  }

  #cut(connection: Connection): void {
    if (!this.#authenticated.delete(connection)) return;
    const { user } = connection.identity;
    this.#logger.info({ userId: user.id, connectionId: connection.id }, 'Connection cut: its token is revoked');
    connection.revoke();
  }
}

/** How often each key is in use. */
class Tally<K> {
  readonly #counts = new Map<K, number>();

  count(key: K): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: K): void {
    this.#counts.set(key, this.count(key) + 1);
  }

  remove(key: K): void {
    const left = this.count(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/** Runs `listener` when the signal aborts, at once if it has. */
function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
}
