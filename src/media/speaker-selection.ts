import { performance } from 'node:perf_hooks';
import { Emitter } from '../core/emitter.ts';
import type { UserId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { LoudestSpeakers, type LoudestSpeakersOptions } from './loudest-speakers.ts';
import type { Stage, StageProducer } from './stage.ts';

export interface SpeakerSelectionEvents {
  /** A producer is to be kept from the audience, or let through again. */
  held: [producerId: string, held: boolean];
  /** Whose voices reach the audience, by user id; after each change. */
  forwarded: [userIds: UserId[]];
}

/** Decides which of a stage's producers reach the audience: the loudest few, or everybody who is not muted. */
export class SpeakerSelection extends Emitter<SpeakerSelectionEvents> {
  readonly #loudest: LoudestSpeakers | undefined;
  readonly #stage: Stage;
  /** Producers that the loudest are chosen from: with levels, and not muted. */
  readonly #measured = new Set<string>();
  #chosen: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #forwarded = '';

  /** @param options - of {@link LoudestSpeakers}; no places: all are forwarded */
  constructor(stage: Stage, options: LoudestSpeakersOptions, logger: Logger) {
    super((event, error) => logger.error({ err: error, event }, 'listener of the speaker selection failed'));
    this.#stage = stage;
    this.#loudest = options.places === 0 ? undefined : new LoudestSpeakers(options);
    stage.on('added', (entry) => this.#add(entry));
    stage.on('removed', ({ id }) => this.#remove(id));
    stage.on('measured', (levels) => this.#update((loudest, now) => loudest.report(levels, now)));
    stage.on('onset', (id) => this.#update((loudest, now) => loudest.expect(id, now)));
  }

  /** Whether a producer is kept from the audience now. */
  isHeld(producerId: string): boolean {
    return this.#measured.has(producerId) && !this.#chosen.has(producerId);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** A producer without levels is always let through: nobody could tell when to. A muted one sends nothing to hold. */
  #add({ id, producer, measurable }: StageProducer): void {
    producer.observer.on('pause', () => this.#remove(id));
    producer.observer.on('resume', () => this.#take(id, measurable));
    if (producer.paused) this.#tell();
    else this.#take(id, measurable);
  }

  #take(id: string, measurable: boolean): void {
    if (this.#loudest && measurable) this.#measured.add(id);
    this.#update((loudest, now) => {
      if (measurable) loudest.add(id, now);
    });
    if (this.isHeld(id)) this.emit('held', id, true);
    this.#tell();
  }

  #remove(id: string): void {
    const wasHeld = this.isHeld(id);
    this.#measured.delete(id);
    this.#stage.watchOnset(id, false);
    this.#update((loudest, now) => loudest.remove(id, now));
    if (wasHeld) this.emit('held', id, false);
    this.#tell();
  }

  #update(change: (loudest: LoudestSpeakers, now: number) => void): void {
    const loudest = this.#loudest;
    if (!loudest) return;
    change(loudest, performance.now());
    this.#schedule(loudest);
    const before = this.#chosen;
    if (loudest.chosen !== before) {
      this.#chosen = loudest.chosen;
      // Those let through first: a silence is worse than a moment of one voice too many.
      for (const id of this.#chosen) if (!before.has(id)) this.emit('held', id, false);
      for (const id of before) if (this.isHeld(id)) this.emit('held', id, true);
      this.#tell();
    }
    this.#watchOnsets();
  }

  /**
   * A beginning is looked for only while it would be given a place: when all talk, packets are not looked at for nothing.
   * Asked for again each time, since the watch may have been refused for want of quota.
   */
  #watchOnsets(): void {
    for (const id of this.#measured) this.#stage.watchOnset(id, this.isHeld(id) && this.#loudest?.open === true);
  }

  /** Levels are not reported in silence, so places need a timer to run out. */
  #schedule(loudest: LoudestSpeakers): void {
    clearTimeout(this.#timer);
    const { dueAt } = loudest;
    this.#timer =
      dueAt === null
        ? undefined
        : setTimeout(
            () => this.#update((speakers, now) => speakers.settle(now)),
            Math.max(0, dueAt - performance.now()),
          );
  }

  #tell(): void {
    const users = new Set<UserId>();
    for (const { id, userId, producer } of this.#stage.producers) {
      if (!producer.closed && !producer.paused && !this.isHeld(id)) users.add(userId);
    }
    const forwarded = [...users].sort((a, b) => a - b);
    const key = forwarded.join();
    if (key === this.#forwarded) return;
    this.#forwarded = key;
    this.emit('forwarded', forwarded);
  }
}
