import type { Redis } from 'ioredis';
import { z } from 'zod';
import { AppError } from '../core/errors.ts';
import { userIdSchema } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { UserProfile } from '../core/model.ts';
import { type LaravelClient, LaravelUnavailableError } from './laravel.ts';
import { tokenCacheKey } from './redis/keys.ts';
import { hashToken, type RevocationList, type TokenHashes } from './revocation.ts';

/** How long a validated token is believed without asking Laravel again (product specification: 5 minutes). */
const cacheSeconds = 300;
/** Sanctum's tokens are about 50 characters. */
const longestToken = 512;

const cachedUserSchema = z.object({ id: userIdSchema, name: z.string(), avatar: z.string().nullable() });

/** Who a connection belongs to. */
export interface Identity {
  readonly user: UserProfile;
  readonly token: TokenHashes;
}

/** Turns Sanctum tokens into users: revocation first, then the cache, then Laravel. */
export class Authenticator {
  readonly #redis: Redis;
  readonly #laravel: LaravelClient;
  readonly #revocations: RevocationList;
  readonly #logger: Logger;
  /** Validations under way by token hash: a page that opens several sockets at once asks Laravel once. */
  readonly #underWay = new Map<string, Promise<UserProfile | null>>();

  constructor(redis: Redis, laravel: LaravelClient, revocations: RevocationList, logger: Logger) {
    this.#redis = redis;
    this.#laravel = laravel;
    this.#revocations = revocations;
    this.#logger = logger;
  }

  /**
   * @param token - Sanctum's `id|secret` or the bare secret; anything else is refused
   * @throws AppError UNAUTHENTICATED without a token, INVALID_CREDENTIALS, TOKEN_REVOKED; AUTH_UNAVAILABLE (retryable)
   *   when the token is not cached and Laravel does not answer in time
   */
  async authenticate(token: unknown): Promise<Identity> {
    if (typeof token !== 'string' || token === '') throw new AppError('UNAUTHENTICATED');
    if (token.length > longestToken) throw new AppError('INVALID_CREDENTIALS');
    const hashes = hashToken(token);
    if (await this.#revocations.isRevoked(hashes)) throw new AppError('TOKEN_REVOKED');

    const user = (await this.#cached(hashes)) ?? (await this.#validate(token, hashes));
    if (user === null) throw new AppError('INVALID_CREDENTIALS');
    // Also catches a token that was revoked while Laravel was asked.
    if (await this.#revocations.isRevoked(hashes, user.id)) throw new AppError('TOKEN_REVOKED');
    return { user, token: hashes };
  }

  async #cached(hashes: TokenHashes): Promise<UserProfile | null> {
    const stored = await this.#redis.get(tokenCacheKey(hashes.whole));
    if (stored === null) return null;
    const parsed = cachedUserSchema.safeParse(JSON.parse(stored));
    return parsed.success ? parsed.data : null;
  }

  async #validate(token: string, hashes: TokenHashes): Promise<UserProfile | null> {
    const underWay = this.#underWay.get(hashes.whole);
    if (underWay !== undefined) return underWay;
    const validation = this.#askLaravel(token, hashes).finally(() => this.#underWay.delete(hashes.whole));
    this.#underWay.set(hashes.whole, validation);
    return validation;
  }

  async #askLaravel(token: string, hashes: TokenHashes): Promise<UserProfile | null> {
    let user: UserProfile | null;
    try {
      user = await this.#laravel.validateToken(token);
    } catch (error) {
      const level = error instanceof LaravelUnavailableError ? 'warn' : 'error';
      this.#logger[level]({ err: error }, 'Laravel could not validate a token');
      throw new AppError('AUTH_UNAVAILABLE', { cause: error });
    }
    if (user !== null) await this.#redis.set(tokenCacheKey(hashes.whole), JSON.stringify(user), 'EX', cacheSeconds);
    return user;
  }
}
