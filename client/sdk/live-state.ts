import { delay } from './back-off.ts';
import { Emitter } from './emitter.ts';
import type { Logger } from './logger.ts';
import type { RoomState } from './room-state.ts';

/** How long an answered call waits for the event that shows its effect. */
const echoTimeoutMs = 5_000;

/** The one place where a room's state is replaced; it does not change any more once it says `ended`. */
export class LiveState extends Emitter<{ change: [next: RoomState, previous: RoomState] }> {
  #value: RoomState;

  constructor(initial: RoomState, logger: Logger) {
    super((error) => logger.warn('A listener of the state threw', error));
    this.#value = initial;
  }

  get value(): RoomState {
    return this.#value;
  }

  /** Replaces the state and tells the change, if it is one. */
  update(next: RoomState): void {
    const previous = this.#value;
    if (next === previous || previous.status === 'ended') return;
    this.#value = next;
    this.emit('change', next, previous);
  }

  /** Waits until the state shows what a call has done: the event may be a moment behind the answer. */
  async shown(isShown: (state: RoomState) => boolean): Promise<void> {
    if (isShown(this.#value)) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const stop = this.on('change', (state) => {
      if (isShown(state)) resolve(undefined);
    });
    await Promise.race([promise, delay(echoTimeoutMs)]);
    stop();
  }
}
