import type { FairQueue, Waiting } from './fair-queue.ts';

/** Calls in one frame; wsLink resubscribes everything in one batch after a reconnect. */
export const maxBatchSize = 50;
/** Calls of one connection that are worked on at once. What they answer cannot be stopped any more, so it bounds memory. */
const mostUnanswered = 16;
/** What may wait here before no more is read, in the price of frames: what else comes waits in TCP. */
const mostWaiting = 16;
/** A client that has kept more than that waiting for so long floods the server, ms. */
const longestBacklogMs = 30_000;
/** A frame costs one call, and one more for each of these: bytes must be unpacked and checked. */
const bytesPerCall = 4_096;

/** A frame as it came. */
export type Frame =
  | { readonly type: 'message'; readonly data: Buffer; readonly isBinary: boolean }
  | { readonly type: 'ping' | 'pong'; readonly data: Buffer };

/** What is handled at once: a call (or whatever the JSON is), or a frame that holds none. */
export type Delivery = Frame | { readonly type: 'json'; readonly json: unknown };

/** Why nothing that a client sends is handled for now. */
export type Hold = 'unknown' | 'unread';

export interface InboxOptions {
  /** Shared by all connections of the process. */
  readonly queue: FairQueue;
  /** Takes what a number of calls cost. @returns how long they must wait, ms */
  readonly pay: (calls: number) => number;
  /** Handles one delivery, synchronously up to where it first waits for something. */
  readonly deliver: (delivery: Delivery) => void;
  /** Stops or goes on reading from TCP. */
  readonly read: (on: boolean) => void;
  /** Called when the client has sent too much for too long. */
  readonly onFlood: () => void;
}

/**
 * What one client has sent and is not handled yet. It is handled in its order, call by call, at the pace of the client's
 * allowance, in turns with the other connections, and only as fast as the client reads its answers.
 *
 * While much waits, nothing is read from TCP, so that the rest costs nobody anything. Nor is it noticed then that a client
 * has left, which is one more reason to give up on one that never pauses.
 */
export class Inbox implements Waiting {
  readonly #options: InboxOptions;
  #frames: Frame[] = [];
  /** Price of the frames since there were none. */
  #weight = 0;
  /** The content of the newest frame that was unpacked. */
  #deliveries: Delivery[] = [];
  /** Ids of calls that have been delivered. */
  readonly #unanswered = new Set<unknown>();
  readonly #holds = new Set<Hold>();
  /** The id of the call that is being delivered. */
  #delivering: unknown = null;
  #reading = true;
  /** Whether the next thing is paid for. */
  #paid = false;
  /** Whether it is in the queue, or waits for the time when it may queue up. */
  #queued = false;
  #timer: NodeJS.Timeout | undefined;
  #backlogTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  add(frame: Frame): void {
    if (this.#closed) return;
    this.#frames.push(frame);
    this.#weight += priceOf(frame);
    if (this.#weight >= mostWaiting) this.#read(false);
    this.#advance();
  }

  hold(reason: Hold): void {
    this.#holds.add(reason);
  }

  release(reason: Hold): void {
    if (this.#holds.delete(reason)) this.#advance();
  }

  /**
   * Notes that a message goes out.
   *
   * @param id - of the call that it belongs to; null, while a call is delivered, when that one could not be read
   */
  answered(id: unknown): void {
    if (this.#unanswered.delete(id ?? this.#delivering)) this.#advance();
  }

  takeTurn(): void {
    this.#queued = false;
    if (this.#closed) return;
    if (this.#deliveries.length === 0) this.#unpack();
    if (!this.#mustWait()) this.#deliver();
    this.#advance();
  }

  /** Forgets everything. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#backlogTimer);
    this.#frames = [];
    this.#deliveries = [];
  }

  /** Sees to it that what comes next has its turn as soon as it may. */
  #advance(): void {
    if (this.#queued || this.#closed) return;
    if (this.#frames.length === 0) {
      this.#weight = 0;
      if (this.#deliveries.length === 0) return this.#read(true);
    }
    if (this.#mustWait()) return;
    this.#queued = true;
    const waitMs = this.#payForNext();
    if (waitMs === 0) this.#options.queue.add(this);
    else this.#timer = setTimeout(() => this.#options.queue.add(this), waitMs);
  }

  #mustWait(): boolean {
    if (this.#holds.size > 0 || this.#unanswered.size >= mostUnanswered) return true;
    const [next] = this.#deliveries;
    // Two calls at once with one id could not be told apart.
    return next !== undefined && this.#unanswered.has(callIdOf(next));
  }

  #payForNext(): number {
    if (this.#paid) return 0;
    this.#paid = true;
    const [frame] = this.#frames;
    // A frame's price includes its first call.
    return this.#options.pay(this.#deliveries.length > 0 || frame === undefined ? 1 : priceOf(frame));
  }

  #unpack(): void {
    const frame = this.#frames.shift();
    if (frame === undefined) return;
    const json = frame.type === 'message' && !frame.isBinary ? parse(frame.data) : undefined;
    // What is no JSON, such as PING, is for tRPC to answer or to refuse.
    if (json === undefined) this.#deliveries = [frame];
    else if (!Array.isArray(json) || json.length === 0) this.#deliveries = [{ type: 'json', json }];
    else if (json.length <= maxBatchSize)
      this.#deliveries = json.map((call: unknown) => ({ type: 'json', json: call }));
    else {
      // tRPC refuses it call by call, so it is delivered whole, and what comes after it waits for its price.
      this.#options.pay(json.length);
      this.#deliveries = [{ type: 'json', json }];
    }
  }

  #deliver(): void {
    const delivery = this.#deliveries.shift();
    if (delivery === undefined) return;
    this.#paid = false;
    this.#delivering = callIdOf(delivery);
    if (this.#delivering !== null) this.#unanswered.add(this.#delivering);
    this.#options.deliver(delivery);
    this.#delivering = null;
  }

  #read(on: boolean): void {
    if (this.#reading === on) return;
    this.#reading = on;
    clearTimeout(this.#backlogTimer);
    if (!on) this.#backlogTimer = setTimeout(this.#options.onFlood, longestBacklogMs);
    this.#options.read(on);
  }
}

/** What a frame costs, in calls. */
function priceOf({ data }: Frame): number {
  return 1 + Math.floor(data.length / bytesPerCall);
}

/** The id under which a delivery will be answered; null when it will not be. */
function callIdOf(delivery: Delivery): string | number | null {
  if (delivery.type !== 'json' || typeof delivery.json !== 'object') return null;
  const { id, method } = (delivery.json ?? {}) as { id?: unknown; method?: unknown };
  return (typeof id === 'string' || typeof id === 'number') && method !== 'subscription.stop' ? id : null;
}

/** @returns undefined when it is no JSON */
function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
