import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { UserId } from '../core/ids.ts';
import { revokedTokenKey, revokedUserKey } from './redis/keys.ts';

/** The forms under which a token is known: never the token itself. */
export interface TokenHashes {
  /** sha256 of the whole token, hex; the seed's revocation key and our cache key. */
  readonly whole: string;
  /** sha256 of the part after `|`, hex; what Sanctum stores. Equal to `whole` for a bare secret. */
  readonly secret: string;
}

/** @param token - Sanctum's `id|secret`, or the bare secret */
export function hashToken(token: string): TokenHashes {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  return { whole: sha256(token), secret: sha256(token.slice(token.indexOf('|') + 1)) };
}

/** Reads the revocation keys that Laravel sets when a token or a user loses access. */
export class RevocationList {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
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
