/** A value that is loaded when wanted and old, once however many want it, and kept when loading it again fails. */
export class CachedValue<T> {
  readonly #lifetimeMs: number;
  readonly #load: () => Promise<T>;
  #value: { readonly value: T; readonly loadedAt: number } | null = null;
  #loading: Promise<T> | null = null;

  constructor(lifetimeMs: number, load: () => Promise<T>) {
    this.#lifetimeMs = lifetimeMs;
    this.#load = load;
  }

  /** @throws whatever loading throws, when there is no older value to answer with */
  async get(): Promise<T> {
    if (this.#value !== null && performance.now() - this.#value.loadedAt < this.#lifetimeMs) return this.#value.value;
    this.#loading ??= this.#refresh().finally(() => (this.#loading = null));
    try {
      return await this.#loading;
    } catch (error) {
      if (this.#value !== null) return this.#value.value;
      throw error;
    }
  }

  async #refresh(): Promise<T> {
    const value = await this.#load();
    this.#value = { value, loadedAt: performance.now() };
    return value;
  }
}

/** Most keys kept; the longest unused go first. */
const defaultCapacity = 10_000;

/** A {@link CachedValue} for each key, bounded in number. */
export class KeyedCache<K, V> {
  readonly #lifetimeMs: number;
  readonly #load: (key: K) => Promise<V>;
  readonly #capacity: number;
  readonly #values = new Map<K, CachedValue<V>>();

  constructor(lifetimeMs: number, load: (key: K) => Promise<V>, capacity = defaultCapacity) {
    this.#lifetimeMs = lifetimeMs;
    this.#load = load;
    this.#capacity = capacity;
  }

  /** @throws whatever loading throws, when there is no older value to answer with */
  async get(key: K): Promise<V> {
    const cached = this.#values.get(key) ?? new CachedValue(this.#lifetimeMs, () => this.#load(key));
    // Deleting first moves the key to the end of the map's order: the first is the longest unused.
    this.#values.delete(key);
    this.#values.set(key, cached);
    if (this.#values.size > this.#capacity) {
      const [oldest] = this.#values.keys();
      if (oldest !== undefined) this.#values.delete(oldest);
    }
    return cached.get();
  }

  /** Has the next `get` load the value, whatever happens to the older one. */
  forget(key: K): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
  }
}
