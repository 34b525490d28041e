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
  /** Gifts that Laravel did not answer while it answered others; only of a batch that was sent in parts. */
  readonly unanswered: readonly QueuedGift[];
  /** Why the rest is undecided; null when there is no rest. */
  readonly failure: BatchFailure | null;
}

export interface BatchFailure {
  /**
   * `unknown`: anything may have happened, send it again. `refused`: Laravel answers, and reads none of the gifts; send
   * them again. `denied`: Laravel does not know our key, and sending again is of no use until somebody has seen to it.
   */
  readonly kind: 'unknown' | 'refused' | 'denied';
  readonly error: unknown;
  /** How long Laravel wants to be left alone, ms. */
  readonly retryAfterMs: number;
}

export interface SendOptions {
  /** Asked before each further request; false when the gifts are not this node's business any more. */
  readonly goesOn: () => Promise<boolean>;
  /**
   * Looks for the gift that keeps Laravel from answering: one gift is sent ahead, and if that is answered, parts of the
   * rest that are not answered are halved like refused ones. `inOrder`: the one ahead is the first of its sender;
   * `anyOrder`: any, if there is only one sender.
   */
  readonly inParts?: 'inOrder' | 'anyOrder' | null;
}

/** Requests without an answer in a row after which Laravel is taken to have gone, not to stumble over a gift of 100. */
const mostUnanswered = 12;

/**
 * Sends gifts to Laravel, in order. A batch that it refuses as a whole (413, 422) is halved until what it refuses stands
 * alone. Never throws.
 */
export async function sendBatch(
  ledger: GiftLedger,
  gifts: readonly QueuedGift[],
  { goesOn, inParts = null }: SendOptions,
): Promise<BatchVerdict> {
  const results = new Map<string, GiftResult>();
  const refused: QueuedGift[] = [];
  const unanswered: QueuedGift[] = [];
  let narrowing = false;
  let unansweredInARow = 0;

  async function send(part: readonly QueuedGift[]): Promise<void> {
    try {
      const answers = await ledger.settleGifts(part.map(({ order }) => order));
      for (const answer of answers) results.set(answer.transactionId, answer);
      unansweredInARow = 0;
    } catch (error) {
      const isRefused = error instanceof LaravelRefusedError && (error.status === 413 || error.status === 422);
      unansweredInARow = isRefused ? 0 : unansweredInARow + 1;
      const isSuspicious = narrowing && unansweredInARow < mostUnanswered && mayBeOneGift(error);
      if (!isRefused && !isSuspicious) throw error;
      if (part.length === 1) {
        (isRefused ? refused : unanswered).push(...part);
        return;
      }
      const middle = Math.ceil(part.length / 2);
      for (const half of [part.slice(0, middle), part.slice(middle)]) await sendNext(half, error);
    }
  }

  async function sendNext(part: readonly QueuedGift[], cause?: unknown): Promise<void> {
    if (!(await goesOn())) throw new Error('The rest of the batch is left to another node', { cause });
    await send(part);
  }

  try {
    if (inParts !== null && gifts.length > 1) {
      const ahead = chooseAhead(gifts, inParts);
      await send(gifts.slice(ahead, ahead + 1));
      narrowing = true;
      await sendNext(gifts.toSpliced(ahead, 1));
    } else {
      await send(gifts);
    }
  } catch (error) {
    return { results, refused: results.size > 0 ? refused : [], unanswered, failure: toFailure(error) };
  }
  // A back end that refuses each and every gift may be at fault itself; it will be asked again.
  if (refused.length > 0 && results.size === 0) {
    const error = new Error('Laravel refuses every gift of a batch as malformed');
    return { results, refused: [], unanswered, failure: { kind: 'refused', error, retryAfterMs: 0 } };
  }
  return { results, refused, unanswered, failure: null };
}

/** Another one each time, since it may be the one that is looked for. @returns its index */
function chooseAhead(gifts: readonly QueuedGift[], inParts: 'inOrder' | 'anyOrder'): number {
  const senders = gifts.map(({ order }) => order.senderId);
  const firsts = senders.flatMap((sender, index) => (senders.indexOf(sender) === index ? [index] : []));
  const choice = firsts.length === 1 && inParts === 'anyOrder' ? [...gifts.keys()] : firsts;
  return choice[Math.floor(Math.random() * choice.length)] ?? 0;
}

/** Not when Laravel asks for a pause, nor when it does not know our key. */
function mayBeOneGift(error: unknown): boolean {
  const { kind, retryAfterMs } = toFailure(error);
  return kind === 'unknown' && retryAfterMs === 0;
}

function toFailure(error: unknown): BatchFailure {
  const denied = error instanceof LaravelRefusedError && (error.status === 401 || error.status === 403);
  const retryAfterMs = error instanceof LaravelUnavailableError ? error.retryAfterMs : 0;
  return { kind: denied ? 'denied' : 'unknown', error, retryAfterMs };
}
