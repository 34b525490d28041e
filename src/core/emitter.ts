/** Event names to the tuple of what each carries. */
export type EventMap<Events> = { [Name in keyof Events]: readonly unknown[] };

export type Listener<Args extends readonly unknown[]> = (...args: Args) => void | Promise<void>;

/** What an emitter tells about a listener that threw or whose promise was rejected. */
export type ListenerErrorHandler = (event: string, error: unknown) => void;

/**
 * A typed event emitter. A failing listener is reported and breaks neither the emitter nor the other listeners.
 *
 * @example
 * ```ts
 * const emitter = new Emitter<{ message: [text: string]; closed: [] }>((event, error) => log(event, error));
 * const stop = emitter.on('message', (text) => show(text));
 * ```
 */
export class Emitter<Events extends EventMap<Events>> {
  readonly #listeners = new Map<keyof Events, Set<Listener<readonly unknown[]>>>();
  readonly #onListenerError: ListenerErrorHandler;

  /** @param onListenerError - told of every failing listener */
  constructor(onListenerError: ListenerErrorHandler) {
    this.#onListenerError = onListenerError;
  }

  /**
   * Calls `listener` at every `event` from now on. The same function added twice is called once.
   *
   * @returns a function that removes the listener, and may be called again without effect
   */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // The key ties the set to the event's tuple; a Map cannot say so in its type.
    const stored = listener as Listener<readonly unknown[]>;
    listeners.add(stored);
    return () => {
      listeners.delete(stored);
      if (listeners.size === 0 && this.#listeners.get(event) === listeners) this.#listeners.delete(event);
    };
  }

  /** As {@link on}, for the next `event` only. */
  once<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): () => void {
    const stop = this.on(event, (...args) => {
      stop();
      return listener(...args);
    });
    return stop;
  }

  /** Calls the listeners of `event` in the order they were added. Never throws. */
  emit<Name extends keyof Events>(event: Name, ...args: Events[Name]): void {
    // A copy: listeners may add and remove listeners.
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        const result = listener(...args);
        if (result instanceof Promise) result.catch((error: unknown) => this.#report(event, error));
      } catch (error) {
        this.#report(event, error);
      }
    }
  }

  /** How many listeners `event` has. */
  listenerCount(event: keyof Events): number {
    return this.#listeners.get(event)?.size ?? 0;
  }

  #report(event: keyof Events, error: unknown): void {
    try {
      this.#onListenerError(String(event), error);
    } catch {
      // A reporter that fails has nobody left to tell.
    }
  }
}
