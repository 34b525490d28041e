import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { Audience } from './audience.ts';
import type { MediaWorker } from './media-worker.ts';
import type { Stage, StageProducer } from './stage.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface AudienceGroupOptions {
  readonly pool: WorkerPool;
  readonly stage: Stage;
  readonly logger: Logger;
  /** Sessions with a receive transport that one router takes before another is opened. */
  readonly listenersPerRouter: number;
  /** How many speakers each of them is sent at a time, at most. */
  readonly maxForwarded: number;
  /** Whether a producer of the stage is kept from the audience at the moment. */
  readonly isHeld: (producerId: string) => boolean;
  /** A worker died and took a router along; whoever had a place there takes another. */
  readonly onLost: (routerId: string) => void;
}

/** A session's place on an audience router. The router stays open as long as somebody has a place on it. */
export interface AudiencePlace {
  /** @throws (as a rejection) when the router could not be opened */
  readonly audience: Promise<Audience>;
  /** Gives the place back; again without effect. */
  release(): void;
}

interface Member {
  readonly opening: Promise<Audience>;
  worker: MediaWorker | undefined;
  audience: Audience | undefined;
  places: number;
}

/**
 * From so many listeners on a router on, its room may take another worker too. A smaller one stays together: each further
 * router costs a pipe's stream a speaker, and the death of its worker.
 */
const worthSpreading = 100;

/** The audience routers of one room: opened on the least loaded worker as listeners come, closed when nobody is left. */
export class AudienceGroup {
  readonly #options: AudienceGroupOptions;
  readonly #members = new Set<Member>();

  constructor(options: AudienceGroupOptions) {
    this.#options = options;
    options.stage.on('added', (producer) => this.#forward(producer));
  }

  /** Open routers, those being opened included. */
  get size(): number {
    return this.#members.size;
  }

  /** Ids of the open routers. */
  get routerIds(): string[] {
    return [...this.#members].flatMap(({ audience }) => (audience ? [audience.router.id] : []));
  }

  /**
   * Takes a place on the router whose worker has the least to do, or opens one: when all are full, or when this one has
   * many listeners already and another worker has much less to do. The place is taken when this returns.
   */
  take(): AudiencePlace {
    const lightest = this.#lightest();
    const member = lightest === undefined ? this.#add() : (this.#relieve(lightest) ?? lightest);
    member.places++;
    let released = false;
    return {
      audience: member.opening,
      release: () => {
        if (released) return;
        released = true;
        member.places--;
        if (member.places === 0) this.#remove(member);
      },
    };
  }

  /** Keeps a producer of the stage from every listener, or lets it through again, as `isHeld` says now. */
  hold(producerId: string, held: boolean): void {
    for (const { audience } of this.#members) audience?.hold(producerId, held);
  }

  close(): void {
    for (const member of this.#members) this.#remove(member);
  }

  /** Of those that are not full. */
  #lightest(): Member | undefined {
    const { listenersPerRouter } = this.#options;
    const free = [...this.#members].filter(({ places }) => places < listenersPerRouter);
    const loadOf = ({ worker }: Member): number => (worker ? worker.load + this.#expectedOn(worker) : 0);
    return free.length < 2 ? free[0] : free.reduce((best, member) => (loadOf(member) < loadOf(best) ? member : best));
  }

  /** Opens another router where there is much less to do, if that is worth its while. */
  #relieve({ worker, places }: Member): Member | undefined {
    if (!worker || places < worthSpreading) return undefined;
    const other = this.#options.pool.relief(worker, (candidate) => this.#expectedOn(candidate));
    return other && this.#add(other);
  }

  /** @param worker - left out: near the stage's */
  #add(worker?: MediaWorker): Member {
    const { promise, resolve, reject } = Promise.withResolvers<Audience>();
    const member: Member = { opening: promise, worker, audience: undefined, places: 0 };
    this.#members.add(member);
    this.#open(member).then(resolve, (error: unknown) => {
      this.#remove(member);
      reject(error);
    });
    // Whoever has a place sees the failure; all of them may have left.
    promise.catch(() => undefined);
    return member;
  }

  async #open(member: Member): Promise<Audience> {
    const { pool, stage, logger, isHeld } = this.#options;
    const worker = member.worker ?? pool.near(stage.worker, (candidate) => this.#expectedOn(candidate));
    member.worker = worker;
    const onLost = () => this.#onLost(member);
    const audience = await Audience.open({ worker, stage: stage.router, logger, isHeld, onLost });
    if (!this.#members.has(member)) {
      audience.close();
      throw new AppError('MEDIA_UNAVAILABLE');
    }
    member.audience = audience;
    // In the same step as becoming known to #forward(), so that no producer falls between.
    for (const producer of stage.producers) audience.forward(producer);
    return audience;
  }

  /**
   * What listeners on a worker will be sent beyond what they are sent now. Many come at once, and routers fill before their
   * listeners have made a single consumer.
   */
  #expectedOn(worker: MediaWorker): number {
    const { stage, maxForwarded } = this.#options;
    const streamsEach = Math.min(stage.size, maxForwarded);
    let expected = 0;
    for (const { worker: its, audience, places } of this.#members) {
      if (its !== worker) continue;
      expected += Math.max(0, places * streamsEach - (audience ? worker.sentBy(audience.router.id) : 0));
    }
    return expected;
  }

  #remove(member: Member): void {
    this.#members.delete(member);
    member.audience?.close();
  }

  #onLost(member: Member): void {
    const routerId = member.audience?.router.id;
    this.#remove(member);
    if (routerId !== undefined) this.#options.onLost(routerId);
  }

  #forward(producer: StageProducer): void {
    for (const { audience } of this.#members) audience?.forward(producer);
  }
}
