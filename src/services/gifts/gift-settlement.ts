import type { UserId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { GiftLedger } from './gift-batch.ts';
import type { GiftMeter } from './gift-meter.ts';
import type { GiftQueue } from './gift-queue.ts';
import { giftShardOf, giftShards } from './gift-shards.ts';
import type { GiftStage } from './gift-stage.ts';
import { ShardSettlement } from './shard-settlement.ts';

export interface GiftSettlementDependencies {
  readonly queue: GiftQueue;
  readonly ledger: GiftLedger;
  readonly stage: GiftStage;
  readonly meter: GiftMeter;
  readonly logger: Logger;
}

/** Takes accepted gifts to Laravel, shard by shard, and each sender's final word to the sender's mailbox. */
export class GiftSettlement {
  readonly #logger: Logger;
  readonly #shards: readonly ShardSettlement[];
  readonly #breaker = new CircuitBreaker();
  #denied = false;

  constructor({ queue, ledger, stage, meter, logger }: GiftSettlementDependencies) {
    this.#logger = logger;
    this.#shards = giftShards.map(
      (shard) =>
        new ShardSettlement(shard, {
          queue,
          ledger,
          stage,
          meter,
          breaker: this.#breaker,
          onKey: (accepted) => this.#noteKey(accepted),
          logger,
        }),
    );
  }

  /** Laravel does not know our key: nothing is settled until somebody has seen to it. */
  get denied(): boolean {
    return this.#denied;
  }

  /** Laravel did not answer several times in a row: attempts are rare until it does. */
  get heldBack(): boolean {
    return this.#breaker.open;
  }

  start(): void {
    for (const shard of this.#shards) shard.start();
  }

  /** A sender's gift was queued on this node. @param backlog - gifts that wait in its shard */
  notice(senderId: UserId, backlog: number): void {
    this.#shards[giftShardOf(senderId)]?.notice(backlog);
  }

  /** Makes one last attempt and stops; what is not decided stays in the queue for the next node. Never throws. */
  async stop(): Promise<void> {
    await Promise.all(this.#shards.map((shard) => shard.stop()));
  }

  #noteKey(accepted: boolean): void {
    if (this.#denied === !accepted) return;
    this.#denied = !accepted;
    if (accepted) this.#logger.info('Laravel takes the internal key again; gifts are being settled');
    else this.#logger.error('Laravel does not take the internal key (LARAVEL_INTERNAL_KEY); gifts wait');
  }
}
