import type { GiftOrder, GiftResult } from '../laravel.ts';
import { LaravelRefusedError, LaravelUnavailableError } from '../laravel.ts';
import type { QueuedGift } from './gift-content.ts';

/** Laravel, as settling needs it. */
export interface GiftLedger {
  /**
   * @returns results in any order, perhaps not for every gift
   * @throws LaravelUnavailableError, LaravelRefusedError
   */
  settleGifts(gifts: readonly GiftOrder[]): Promise<GiftResult[]>;
}

/** What is known after a batch was sent. */
export interface BatchVerdict {
  /** Laravel's word, by transaction id; `retry` and missing ones are undecided. */
  readonly results: ReadonlyMap<string, GiftResult>;
  /** Gifts that Laravel refuses to read while it reads others. */
  readonly refused: readonly QueuedGift[];
  /** Why the rest is undecided; null when everything was answered. */
  readonly failure: BatchFailure | null;
}

export interface BatchFailure {
  /**
   * `unknown`: anything may have happened, send it again. `denied`: Laravel does not know our key, and sending again is
   * of no use until somebody has seen to it.
   */
  readonly kind: 'unknown' | 'denied';
  readonly error: unknown;
  /** How long Laravel wants to be left alone, ms. */
  readonly retryAfterMs: number;
}

/**
 * Sends gifts to Laravel, in order. A batch that it refuses as a whole (413, 422) is halved until what it refuses stands
 * alone. Never throws.
 *
 * @param goesOn - asked before each further request; false when the gifts are not this node's business any more
 */
export async function sendBatch(
  ledger: GiftLedger,
  gifts: readonly QueuedGift[],
  goesOn: () => Promise<boolean>,
): Promise<BatchVerdict> {
  const results = new Map<string, GiftResult>();
  const refused: QueuedGift[] = [];

  async function send(part: readonly QueuedGift[]): Promise<void> {
    try {
      const answers = await ledger.settleGifts(part.map(({ order }) => order));
      for (const answer of answers) results.set(answer.transactionId, answer);
    } catch (error) {
      if (!(error instanceof LaravelRefusedError) || (error.status !== 413 && error.status !== 422)) throw error;
      if (part.length === 1) {
        refused.push(...part);
        return;
      }
      const middle = Math.ceil(part.length / 2);
      for (const half of [part.slice(0, middle), part.slice(middle)]) {
        if (!(await goesOn())) throw new Error('The shard has gone to another node', { cause: error });
        await send(half);
      }
    }
  }

  try {
    await send(gifts);
  } catch (error) {
    return { results, refused: results.size > 0 ? refused : [], failure: toFailure(error) };
  }
  // A back end that refuses each and every gift is at fault itself; it will be asked again.
  if (refused.length > 0 && results.size === 0) {
    const error = new Error('Laravel refuses every gift of a batch as malformed');
    return { results, refused: [], failure: { kind: 'unknown', error, retryAfterMs: 0 } };
  }
  return { results, refused, failure: null };
}

function toFailure(error: unknown): BatchFailure {
  const denied = error instanceof LaravelRefusedError && (error.status === 401 || error.status === 403);
  const retryAfterMs = error instanceof LaravelUnavailableError ? error.retryAfterMs : 0;
  return { kind: denied ? 'denied' : 'unknown', error, retryAfterMs };
}
