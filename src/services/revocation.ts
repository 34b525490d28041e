import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { UserId } from '../core/ids.ts';
import type { ControlBus } from './control-bus.ts';
import { revokedTokenKey, revokedUserKey } from './redis/keys.ts';

/** The forms under which a token is known: never the token itself. */
export interface TokenHashes {
  /** sha256 of the whole token, hex; what Laravel revokes by, and our cache key. */
  readonly whole: string;
  /** sha256 of the part after `|`, hex; what Sanctum stores. Equal to `whole` for a bare secret. */
  readonly secret: string;
}

/** @param token - Sanctum's `id|secret`, or the bare secret */
export function hashToken(token: string): TokenHashes {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  return { whole: sha256(token), secret: sha256(token.slice(token.indexOf('|') + 1)) };
}

/** How long a revocation made here is kept, seconds: outlives every cached validation (LARAVEL_REQUIREMENTS, section 7). */
const revocationSeconds = 86_400;

/** The revocation keys, which Laravel or an operator sets when a token or a user loses access. */
export class RevocationList {
  readonly #redis: Redis;
  readonly #control: Pick<ControlBus, 'publish'>;

  constructor(redis: Redis, control: Pick<ControlBus, 'publish'>) {
    this.#redis = redis;
    this.#control = control;
  }

  /** Shuts a user out for a day, whatever the token; live connections on all nodes end at once. */
  async revokeUser(userId: UserId): Promise<void> {
    await this.#redis.set(revokedUserKey(userId), '1', 'EX', revocationSeconds);
    await this.#control.publish({ type: 'userRevoked', userId });
  }

  /**
   * Shuts a token out for a day; live connections on all nodes end at once.
   *
   * @param tokenHash - either of {@link TokenHashes}
   */
  async revokeToken(tokenHash: string): Promise<void> {
    await this.#redis.set(revokedTokenKey(tokenHash), '1', 'EX', revocationSeconds);
    await this.#control.publish({ type: 'tokenRevoked', tokenHash });
  }

  /** Lets a user in again. @returns whether the user was shut out */
  async liftUser(userId: UserId): Promise<boolean> {
    return (await this.#redis.del(revokedUserKey(userId))) > 0;
  }

  /**
   * Takes a token again.
   *
   * @param tokenHash - the one that it was revoked by
   * @returns whether it was shut out
   */
  async liftToken(tokenHash: string): Promise<boolean> {
    return (await this.#redis.del(revokedTokenKey(tokenHash))) > 0;
  }

  /**
   * One round trip.
   *
   * @param userId - left out while the token's user is not known yet
   */
  async isRevoked(token: TokenHashes, userId?: UserId): Promise<boolean> {
    const keys = [revokedTokenKey(token.whole), revokedTokenKey(token.secret)];
    if (userId !== undefined) keys.push(revokedUserKey(userId));
    return (await this.#redis.exists(...keys)) > 0;
  }
}
