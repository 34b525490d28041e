/**
 * The one table of everything that can go wrong for a client. docs/ERRORS.md is tested against it.
 *
 * `status` is the HTTP status, `retryable` says whether the same call can succeed later without being changed.
 */
export const errorTable = {
  // identity
  UNAUTHENTICATED: { status: 401, retryable: false, message: 'Authentication required' },
  INVALID_CREDENTIALS: { status: 401, retryable: false, message: 'The token is not valid' },
  TOKEN_REVOKED: { status: 401, retryable: false, message: 'The token has been revoked' },
  AUTH_UNAVAILABLE: { status: 503, retryable: true, message: 'The token cannot be checked right now' },
  ADMIN_LOCKED_OUT: { status: 429, retryable: true, message: 'Too many wrong keys from this address' },
  ADMIN_KEY_REQUIRED: { status: 403, retryable: false, message: 'This procedure needs the internal key' },
  // requests
  BAD_INPUT: { status: 400, retryable: false, message: 'The input does not fit the procedure' },
  RATE_LIMITED: { status: 429, retryable: true, message: 'Too many calls' },
  TOO_MANY_CONNECTIONS: { status: 429, retryable: true, message: 'You have too many connections open' },
  TOO_MANY_SUBSCRIPTIONS: { status: 429, retryable: false, message: 'This connection has too many subscriptions' },
  WEBSOCKET_REQUIRED: { status: 400, retryable: false, message: 'This procedure needs a WebSocket connection' },
  // rooms
  ROOM_NOT_FOUND: { status: 404, retryable: false, message: 'There is no such room' },
  ROOM_FULL: { status: 409, retryable: true, message: 'The room is full' },
  NOT_IN_ROOM: { status: 403, retryable: false, message: 'Join the room first' },
  ALREADY_IN_ANOTHER_ROOM: { status: 409, retryable: false, message: 'This connection is in another room' },
  BANNED: { status: 403, retryable: false, message: 'You are banned from this room' },
  KICKED: { status: 403, retryable: false, message: 'A host has removed you from the room' },
  ROOM_CLOSED: { status: 409, retryable: false, message: 'The room has been closed' },
  NOT_ALLOWED: { status: 403, retryable: false, message: 'Your role does not allow that' },
  MEMBER_NOT_FOUND: { status: 404, retryable: false, message: 'That user is not in the room' },
  SESSION_REPLACED: { status: 409, retryable: false, message: 'The room was joined again from elsewhere' },
  // seats
  SEAT_TAKEN: { status: 409, retryable: false, message: 'Someone else has that seat' },
  SEAT_NOT_FOUND: { status: 404, retryable: false, message: 'The room has no such seat' },
  NO_FREE_SEAT: { status: 409, retryable: true, message: 'Every seat is taken' },
  ALREADY_SEATED: { status: 409, retryable: false, message: 'You already have a seat' },
  NOT_SEATED: { status: 403, retryable: false, message: 'Take a seat first' },
  SEAT_LOCKED: { status: 409, retryable: false, message: 'That seat is locked' },
  SEAT_NEEDS_APPROVAL: { status: 403, retryable: false, message: 'Raise your hand: hosts assign seats in this room' },
  REQUEST_NOT_FOUND: { status: 404, retryable: false, message: 'That hand is no longer raised' },
  INVITATION_NOT_FOUND: { status: 404, retryable: false, message: 'That invitation is no longer open' },
  MUTED_BY_HOST: { status: 403, retryable: false, message: 'A host has muted you' },
  // chat
  CHAT_MUTED: { status: 403, retryable: false, message: 'A host has muted you in chat' },
  SLOW_MODE: { status: 429, retryable: true, message: 'Slow mode is on: wait before the next message' },
  MESSAGE_NOT_FOUND: { status: 404, retryable: false, message: 'That message no longer exists' },
  // media
  TRANSPORT_NOT_FOUND: { status: 404, retryable: false, message: 'You have no such transport' },
  TRANSPORT_WRONG_DIRECTION: { status: 400, retryable: false, message: 'That transport is for the other direction' },
  PRODUCER_NOT_FOUND: { status: 404, retryable: false, message: 'There is no such producer' },
  CONSUMER_NOT_FOUND: { status: 404, retryable: false, message: 'You have no such consumer' },
  CANNOT_CONSUME: { status: 400, retryable: false, message: 'The device cannot play that producer' },
  MEDIA_REJECTED: { status: 400, retryable: false, message: 'The media parameters were refused' },
  MEDIA_UNAVAILABLE: { status: 503, retryable: true, message: 'Audio cannot be served right now' },
  // gifts
  GIFT_NOT_FOUND: { status: 404, retryable: false, message: 'The catalogue has no such gift' },
  GIFT_TO_SELF: { status: 400, retryable: false, message: 'You cannot give a gift to yourself' },
  RECIPIENT_NOT_IN_ROOM: { status: 404, retryable: false, message: 'The recipient is not in the room' },
  GIFT_ID_CONFLICT: { status: 409, retryable: false, message: 'That gift id was used for another gift' },
  // the system
  UPSTREAM_UNAVAILABLE: { status: 503, retryable: true, message: 'The back end cannot be reached right now' },
  SERVICE_UNAVAILABLE: { status: 503, retryable: true, message: 'The service cannot answer right now' },
  INTERNAL: { status: 500, retryable: true, message: 'Something went wrong on our side' },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>;

/** Every code a client can meet in `error.data.appCode`. */
export type AppCode = keyof typeof errorTable;

/** Facts that some codes carry beside their message. */
export interface ErrorDetails {
  /** How long to wait before the call can succeed, in ms (`RATE_LIMITED`, `SLOW_MODE`, `ADMIN_LOCKED_OUT`). */
  retryAfterMs?: number;
  /** What there is to know of the ban; left out where nothing but that there is one is known (`BANNED`). */
  ban?: {
    /** When it ends, ms since the epoch; null: never. */
    readonly until: number | null;
    readonly reason: string | null;
  };
}

/** A refusal that the client is meant to see, by its code of {@link errorTable}. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: AppCode;
  readonly details: ErrorDetails;

  /**
   * @param code - entry of {@link errorTable}
   * @param options - `message` replaces the table's; `details` and `cause` travel with the error (a cause is logged,
   *   never sent)
   */
  constructor(code: AppCode, options: { message?: string; details?: ErrorDetails; cause?: unknown } = {}) {
    super(options.message ?? errorTable[code].message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether the same call can succeed later without being changed. */
  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}
