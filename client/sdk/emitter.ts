/** Event names and the tuple of arguments that each hands to its listeners. */
export type EventMap = Record<string, unknown[]>;

/** A typed event emitter; a throwing listener is reported and breaks neither the emitter nor the other listeners. */
export class Emitter<Events extends EventMap> {
  #listeners: { [Name in keyof Events]?: Set<(...args: Events[Name]) => void> } = {};
  readonly #report: (error: unknown) => void;

  /** @param report - told what a listener threw */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /**
   * Adds a listener.
   *
   * @returns a function that removes it again
   */
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): () => void {
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Calls every listener of `name` with `args`, in the order they were added. */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    // A copy: a listener may remove itself or others.
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  /** Removes every listener. */
  clear(): void {
    this.#listeners = {};
  }
}
