import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { UserWithToken } from '../../dev/laravel/index.ts';
import type { GiftOutcome } from '../../src/core/events.ts';
import { connect, type TestClient, toRefusal } from './client.ts';

/** A connection that does not answer for this long is given up, ms. */
const patienceMs = 4_000;
const pauseMs = 50;

export interface GiftSenderOptions {
  readonly user: UserWithToken;
  readonly roomId: string;
  readonly recipientIds: readonly number[];
  /** The address of a node that lives, if one does. */
  readonly findNode: () => string | null;
}

/** A user who sends gifts, each several times, whatever becomes of nodes, and listens for the final words. */
export class GiftSender {
  readonly user: UserWithToken;
  /** Ids of the gifts that a node has called accepted. */
  readonly accepted: string[] = [];
  /** Everything `gift.onOutcome` has delivered, over all connections. */
  readonly outcomes: GiftOutcome[] = [];
  /** Calls of `gift.send`. */
  sends = 0;
  connections = 0;
  readonly #options: GiftSenderOptions;
  #client: TestClient | null = null;
  #cursor: string | null = null;

  constructor(options: GiftSenderOptions) {
    this.user = options.user;
    this.#options = options;
  }

  /** Sends one gift as often as `repeats`, until a node has called it accepted. */
  async give(repeats: number): Promise<void> {
    const { recipientIds, roomId } = this.#options;
    const recipientId = recipientIds[this.accepted.length % recipientIds.length] ?? 0;
    const gift = { roomId, transactionId: randomUUID(), giftId: '1', recipientId };
    for (;;) {
      const { trpc } = await this.#connected();
      const answers = await Promise.allSettled(
        Array.from({ length: repeats }, () => {
          this.sends += 1;
          return inTime(trpc.gift.send.mutate(gift));
        }),
      );
      if (answers.some(({ status }) => status === 'fulfilled')) break;
      for (const answer of answers) if (answer.status === 'rejected') requirePassing(answer.reason);
      await this.disconnect();
      await sleep(pauseMs);
    }
    this.accepted.push(gift.transactionId);
  }

  /** Makes sure that outcomes are being listened for. */
  async listen(): Promise<void> {
    await this.#connected();
  }

  async disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    client?.cut();
  }

  async #connected(): Promise<TestClient> {
    for (;;) {
      if (this.#client !== null) return this.#client;
      const url = this.#options.findNode();
      const client = url === null ? null : connect(url, this.user.token);
      try {
        if (client === null) throw new Error('No node lives');
        await inTime(client.trpc.room.join.mutate({ roomId: this.#options.roomId }));
        await inTime(this.#follow(client));
        this.connections += 1;
        this.#client = client;
        void client.ended.then(() => {
          if (this.#client === client) void this.disconnect();
        });
      } catch (error) {
        requirePassing(error);
        client?.cut();
        await sleep(pauseMs);
      }
    }
  }

  async #follow({ trpc }: TestClient): Promise<void> {
    const started = Promise.withResolvers<void>();
    trpc.gift.onOutcome.subscribe(
      { lastEventId: this.#cursor },
      {
        onData: ({ id, data }) => {
          this.#cursor = id;
          if (data.type === 'subscribed') started.resolve();
          else this.outcomes.push(data);
        },
        onError: (error) => {
          // Redis may be gone for a moment.
          started.reject(error);
          void this.disconnect();
        },
      },
    );
    await started.promise;
  }
}

async function inTime<T>(call: Promise<T>): Promise<T> {
  const timer = new AbortController();
  call.catch(() => undefined);
  const late = sleep(patienceMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error('No answer in time');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([call, late]);
  } finally {
    timer.abort();
  }
}

/** @throws the error when it is a refusal that will not pass */
function requirePassing(error: unknown): void {
  const refusal = toRefusal(error);
  // The room is unknown to a node that Laravel does not answer, and a membership ends with its node.
  if (refusal !== null && !refusal.retryable && refusal.code !== 'NOT_IN_ROOM' && refusal.code !== 'SESSION_REPLACED') {
    throw error;
  }
}
