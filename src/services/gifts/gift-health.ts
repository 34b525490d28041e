import { CachedValue } from '../cache.ts';
import type { GiftGuard, GiftObstacle } from './gift-guard.ts';
import type { GiftReview } from './gift-review.ts';
import type { GiftSettlement } from './gift-settlement.ts';

/** What keeps gifts from being taken or settled; null when nothing does. */
export type GiftProblem = GiftObstacle | 'BACK_END_DENIES_KEY' | 'PENDING_TOO_LONG' | 'UNKNOWN';

/** How old the answer may be, ms. */
const knownForMs = 1_000;
/** How old it may be while Redis does not answer, ms; what is known then is nothing. */
const keptForMs = 10_000;

/** Whether gifts are well, for operators. */
export class GiftHealth {
  readonly #problem: CachedValue<GiftProblem>;

  /** @param alarmMs - a gift that has been pending for longer is a problem */
  constructor(
    alarmMs: number,
    use: { readonly guard: GiftGuard; readonly review: GiftReview; readonly settlement: GiftSettlement },
  ) {
    const look = async (): Promise<GiftProblem> => {
      if (use.settlement.denied) return 'BACK_END_DENIES_KEY';
      const obstacle = await use.guard.obstacle();
      if (obstacle !== null) return obstacle;
      return (await use.review.backlog()).oldestMs > alarmMs ? 'PENDING_TOO_LONG' : null;
    };
    this.#problem = new CachedValue(knownForMs, look, keptForMs);
  }

  /** Never throws; asks Redis at most once a second. */
  async problem(): Promise<GiftProblem> {
    return this.#problem.get().catch(() => 'UNKNOWN' as const);
  }
}
