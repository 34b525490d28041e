import { v4 as uuidv4 } from 'uuid';
import type { AppCode } from '../core/errors.ts';
import { AppError } from '../core/errors.ts';
import type { ConnectionId, RoomId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Identity } from './auth.ts';
import type { LocalMember } from './local-room.ts';
import type { RevocationList } from './revocation.ts';

/** How often a live connection's token is looked up among the revoked ones, ms (DESIGN: cut within 60 s). */
const revocationCheckMs = 50_000;

/** WebSocket close codes of ours (RFC 6455 leaves 4000-4999 to applications). */
export const closeCodes = {
  /** The token is missing, wrong or revoked: reconnecting with it is of no use. */
  unauthenticated: 4401,
  /** The same session goes on over a newer connection. */
  superseded: 4409,
} as const;

/** One client's socket: who it is and which room it is in. */
export class Connection {
  readonly id = uuidv4() as ConnectionId;
  /** Aborts when the socket is gone. */
  readonly closed: AbortSignal;
  /** The membership that this connection carries. Set by Members and LocalRoom. */
  member: LocalMember | null = null;
  readonly #ended = new Map<RoomId, AppCode>();
  readonly #close: (code: number, reason: string) => void;
  #identity: Identity | null = null;
  #presented = false;

  /**
   * @param closed - aborts when the socket is gone
   * @param close - ends the socket
   */
  constructor(closed: AbortSignal, close: (code: number, reason: string) => void) {
    this.closed = closed;
    this.#close = close;
  }

  /** @throws AppError UNAUTHENTICATED before authentication has succeeded */
  get identity(): Identity {
    if (this.#identity === null) throw new AppError('UNAUTHENTICATED');
    return this.#identity;
  }

  get authenticated(): boolean {
    return this.#identity !== null;
  }

  /** Whether the client has shown a token, good or bad. */
  get presented(): boolean {
    return this.#presented;
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

  /** Notes why the membership of a room ended, so that later calls can say so. */
  endMembership(roomId: RoomId, reason: AppCode): void {
    this.member = null;
    this.#ended.set(roomId, reason);
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

  close(code: number, reason: string): void {
    this.#close(code, reason);
  }
}

/** The live connections of this process. Cuts those whose token has been revoked. */
export class Connections {
  readonly #revocations: RevocationList;
  readonly #logger: Logger;
  readonly #open = new Map<Connection, NodeJS.Timeout>();

  constructor(revocations: RevocationList, logger: Logger) {
    this.#revocations = revocations;
    this.#logger = logger;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Keeps a connection until its socket is gone. */
  add(connection: Connection): void {
    const timer = setInterval(() => void this.#cutIfRevoked(connection), revocationCheckMs).unref();
    this.#open.set(connection, timer);
    connection.closed.addEventListener(
      'abort',
      () => {
        clearInterval(timer);
        this.#open.delete(connection);
      },
      { once: true },
    );
  }

  async #cutIfRevoked(connection: Connection): Promise<void> {
    if (!connection.authenticated) return;
    const { user, token } = connection.identity;
    try {
      if (await this.#revocations.isRevoked(token, user.id)) {
        this.#logger.info({ userId: user.id, connectionId: connection.id }, 'Connection cut: its token is revoked');
        connection.close(closeCodes.unauthenticated, 'TOKEN_REVOKED');
      }
    } catch (error) {
      this.#logger.warn({ err: error }, 'A revocation check failed; the next one will tell');
    }
  }
}
