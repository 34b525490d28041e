/** What operators want counted of gifts, as it happens on this node. */
export interface GiftMeter {
  /** Gifts were made durable. */
  accepted(count: number): void;
  /** Gifts got their final word. */
  decided(outcome: 'settled' | 'rejected', count: number): void;
  /** Gifts were sent to Laravel and stay undecided. */
  retried(count: number): void;
  /** Gifts were put aside for an operator. */
  putAside(count: number): void;
  /** A batch was sent and dealt with, in seconds. */
  flushed(seconds: number): void;
}
