import type { ByteSink } from './byte-sink.ts';
import type { LocalMember } from './local-room.ts';

/** The socket under subscriptions. */
export interface SubscriptionSink extends ByteSink {
  /** Tells the client that one of its subscriptions is over, and why. */
  fail(requestId: string, path: string, error: unknown): void;
}

export interface RoomSubscriptionOptions {
  readonly member: LocalMember;
  readonly sink: SubscriptionSink;
  /** The client's id of the subscription, as JSON text. */
  readonly requestId: string;
  /** The procedure's name. */
  readonly path: string;
  /** Called once when it is over. */
  readonly onOver: () => void;
}

/** A subscription to something of a room: until the client wants no more of it, is gone, or is no member any more. */
export abstract class RoomSubscription {
  readonly sink: SubscriptionSink;
  readonly requestId: string;
  readonly path: string;
  protected readonly member: LocalMember;
  readonly #onOver: () => void;
  #over = false;

  constructor({ member, sink, requestId, path, onOver }: RoomSubscriptionOptions) {
    this.member = member;
    this.sink = sink;
    this.requestId = requestId;
    this.path = path;
    this.#onOver = onOver;
    member.subscriptions.add(this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends it at the client's wish. Again without effect. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.member.subscriptions.delete(this);
    this.detach();
    this.#onOver();
  }

  /** Ends it and tells the client why; what was to be written before is written first. Again without effect. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.stop();
    this.sink.fail(this.requestId, this.path, error);
  }

  /** Stops the writing. */
  protected abstract detach(): void;
}
