import { z } from 'zod';
import type { Logger } from '../core/logger.ts';
import {
  type GiftBatchId,
  type GiftId,
  type GiftTransactionId,
  giftIdSchema,
  type RoomId,
  roomIdSchema,
  type UserId,
  userIdSchema,
} from '../core/ids.ts';
import {
  type CatalogueGift,
  type OpusSettings,
  type RoomDescription,
  type RoomRole,
  roomRoles,
  seatModes,
  type UserProfile,
} from '../core/model.ts';

/** The back end could not answer: not reached, too slow, 429 or 5xx. What was asked may or may not have happened. */
export class LaravelUnavailableError extends Error {
  override readonly name = 'LaravelUnavailableError';
  /** How long it asks to be left alone (`Retry-After`), ms; 0 when it does not say. */
  readonly retryAfterMs: number;

  constructor(message: string, { retryAfterMs = 0, cause }: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** The back end answered, and not as docs/LARAVEL_REQUIREMENTS.md says: a 4xx or a body of another shape. */
export class LaravelRefusedError extends Error {
  override readonly name = 'LaravelRefusedError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A gift on its way to Laravel. */
export interface GiftOrder {
  readonly transactionId: GiftTransactionId;
  readonly giftId: GiftId;
  readonly senderId: UserId;
  readonly recipientId: UserId;
  readonly roomId: RoomId;
  readonly quantity: number;
  /** What the gifts of one send to several recipients share; null for one that was sent alone. */
  readonly batchId: GiftBatchId | null;
  /** When it was accepted, ms since the epoch, by Redis's clock. */
  readonly sentAt: number;
}

/** Laravel's word on one gift of a batch. `duplicate` means that it was settled before. */
export interface GiftResult {
  readonly transactionId: string;
  readonly status: 'settled' | 'duplicate' | 'rejected' | 'retry';
  readonly code: string | null;
  readonly reason: string | null;
  readonly senderBalance: number | null;
}

/** A room's status as Laravel keeps it; absolute values, so that a repeated call changes nothing. */
export interface RoomStatus {
  readonly isLive: boolean;
  readonly participantCount: number;
  readonly closedAt: Date | null;
}

const userSchema = z.object({ id: userIdSchema, name: z.string(), avatar: z.string().nullish() });
const validationSchema = z.union([
  z.object({ valid: z.literal(true), user: userSchema }),
  z.object({ valid: z.literal(false) }),
]);
/** Laravel may write a bigint key as a number. */
const keyText = z.union([z.string(), z.int().positive().transform(String)]);
const roomSchema = z
  .object({
    id: keyText.pipe(roomIdSchema),
    title: z.string(),
    owner_id: userIdSchema,
    seat_count: z.int().min(1).max(30),
    seat_mode: z.enum(seatModes).nullish(),
    blocked_user_ids: z.array(userIdSchema).nullish(),
    opus_ptime: z.literal([20, 40, 60]).nullish(),
    opus_dtx: z.boolean().nullish(),
  })
  .transform((room): LaravelRoom => {
    const { id, title, owner_id: ownerId, seat_count: seatCount, opus_ptime: packetMs, opus_dtx: dtx } = room;
    return {
      id,
      title,
      ownerId,
      seatCount,
      seatMode: room.seat_mode ?? 'free',
      blockedUserIds: room.blocked_user_ids ?? [],
      opus: { ...(packetMs && { packetMs }), ...(typeof dtx === 'boolean' && { dtx }) },
    };
  });
const giftSchema = z.object({
  id: keyText.pipe(giftIdSchema),
  name: z.string(),
  price: z.int().nonnegative(),
  icon: z.string(),
});
const giftResultSchema = z
  .object({
    gift_tx_id: z.string(),
    status: z.enum(['settled', 'duplicate', 'rejected', 'retry']),
    code: z.string().nullish(),
    reason: z.string().nullish(),
    sender_balance: z.int().nullish(),
  })
  .transform((result): GiftResult => {
    return {
      transactionId: result.gift_tx_id,
      status: result.status,
      code: result.code ?? null,
      reason: result.reason ?? null,
      senderBalance: result.sender_balance ?? null,
    };
  });

/** A room whose audio settings may be left to this server. */
export interface LaravelRoom extends Omit<RoomDescription, 'opus'> {
  readonly opus: Partial<OpusSettings>;
}

export interface LaravelOptions {
  /** Base address, without `/internal`. */
  readonly url: string;
  readonly internalKey: string;
  /** Longest time for one call, ms. */
  readonly timeoutMs: number;
}

/**
 * The calls to Laravel's internal API (docs/LARAVEL_REQUIREMENTS.md). Answers are checked, never trusted to fit.
 *
 * Every method throws {@link LaravelUnavailableError} or {@link LaravelRefusedError}.
 */
export class LaravelClient {
  readonly #options: LaravelOptions;
  readonly #logger: Logger;

  constructor(options: LaravelOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** @returns null when the token is not valid */
  async validateToken(token: string): Promise<UserProfile | null> {
    const answer = await this.#call('POST', '/auth/validate', { token }, [401]);
    if (answer === null) return null;
    const validation = parse(validationSchema, answer);
    if (!validation.valid) return null;
    const { id, name, avatar } = validation.user;
    return { id, name, avatar: avatar ?? null };
  }

  /** The rooms that are open to join. */
  async listRooms(): Promise<LaravelRoom[]> {
    return parse(z.object({ rooms: z.array(roomSchema) }), await this.#call('GET', '/rooms')).rooms;
  }

  /** @returns null when there is no such room */
  async findRoom(roomId: RoomId): Promise<LaravelRoom | null> {
    const answer = await this.#call('GET', `/rooms/${roomId}`, undefined, [404]);
    return answer === null ? null : parse(z.object({ room: roomSchema }), answer).room;
  }

  /** @returns `member` for whoever has no role there */
  async findRole(roomId: RoomId, userId: UserId): Promise<RoomRole> {
    const answer = await this.#call('GET', `/rooms/${roomId}/members/${userId}/role`, undefined, [404]);
    return answer === null ? 'member' : parse(z.object({ role: z.enum(roomRoles) }), answer).role;
  }

  async reportRoomStatus(roomId: RoomId, status: RoomStatus): Promise<void> {
    await this.#call('POST', `/rooms/${roomId}/status`, {
      is_live: status.isLive,
      participant_count: status.participantCount,
      closed_at: status.closedAt?.toISOString() ?? null,
    });
  }

  async listGifts(): Promise<CatalogueGift[]> {
    return parse(z.object({ gifts: z.array(giftSchema) }), await this.#call('GET', '/gifts')).gifts;
  }

  /** @returns results in any order; those that do not fit are left out, so that they decide nothing and stop nothing */
  async settleGifts(gifts: readonly GiftOrder[]): Promise<GiftResult[]> {
    const answer = await this.#call('POST', '/gifts/batch', {
      gifts: gifts.map((gift) => ({
        gift_tx_id: gift.transactionId,
        gift_id: gift.giftId,
        sender_id: gift.senderId,
        recipient_id: gift.recipientId,
        room_id: gift.roomId,
        quantity: gift.quantity,
        batch_id: gift.batchId,
        sent_at: new Date(gift.sentAt).toISOString(),
      })),
    });
    const items = parse(z.object({ results: z.array(z.unknown()) }), answer).results;
    const parsed = items.map((item) => giftResultSchema.safeParse(item));
    const [misfit, ...others] = parsed.flatMap(({ error }) => error ?? []);
    if (misfit !== undefined) {
      const details = { results: others.length + 1, first: z.prettifyError(misfit) };
      this.#logger.error(details, 'Results of gifts do not fit; these gifts stay undecided');
    }
    return parsed.flatMap(({ data }) => data ?? []);
  }

  /** @returns the body, or null for a status of `absent` and for an empty body */
  async #call(method: 'GET' | 'POST', path: string, body?: unknown, absent: readonly number[] = []): Promise<unknown> {
    const what = `${method} /internal${path}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.#options.url.replace(/\/$/, '')}/internal${path}`, {
        method,
        headers: {
          accept: 'application/json',
          'x-internal-key': this.#options.internalKey,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(this.#options.timeoutMs),
      });
      text = await response.text();
    } catch (error) {
      throw new LaravelUnavailableError(`${what} was not answered`, { cause: error });
    }
    if (absent.includes(response.status)) {
      // 401 is also what a wrong internal key gets; only a body that says so speaks about the token.
      if (response.status !== 401 || isInvalidTokenBody(text)) return null;
    }
    if (response.status >= 500 || response.status === 429) {
      const retryAfterMs = readRetryAfter(response.headers.get('retry-after'));
      throw new LaravelUnavailableError(`${what} was answered with ${response.status}`, { retryAfterMs });
    }
    if (!response.ok) throw new LaravelRefusedError(response.status, `${what} was answered with ${response.status}`);
    return text === '' ? null : parseJson(text, what);
  }
}

/** Longest pause that Laravel can ask for, ms. */
const longestRetryAfterMs = 60_000;

/** @param header - seconds; the other form, a date, counts as not said */
function readRetryAfter(header: string | null): number {
  return /^\d{1,9}$/.test(header ?? '') ? Math.min(Number(header) * 1_000, longestRetryAfterMs) : 0;
}

function isInvalidTokenBody(text: string): boolean {
  try {
    return validationSchema.safeParse(JSON.parse(text)).data?.valid === false;
  } catch {
    return false;
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new LaravelRefusedError(200, `${what} was answered with something that is not JSON`);
  }
}

function parse<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new LaravelRefusedError(200, `Laravel's answer does not fit: ${z.prettifyError(parsed.error)}`);
}
