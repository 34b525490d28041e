/** An old value is answered when loading a new one takes longer than this, ms. */
const patienceMs = 1_000;
/** After loading has failed, the old value is answered for this long before loading is tried again, ms. */
const retryAfterMs = 5_000;

/**
 * A value that is loaded when it is wanted and old, once however many want it. While loading fails or is slow the old value
 * is answered: whoever asks waits for at most a second once there is one.
 */
export class CachedValue<T> {
  readonly #lifetimeMs: number;
  readonly #keptForMs: number;
  readonly #load: () => Promise<T>;
  #value: { readonly value: T; readonly loadedAt: number } | null = null;
  #loading: { readonly value: Promise<T>; readonly since: number } | null = null;
  #failedAt = -Infinity;

  /**
   * @param lifetimeMs - how long a value is answered without loading it anew, ms
   * @param load - gets a new value
   * @param keptForMs - how old a value may be that is answered because loading fails, ms. Default: any age.
   */
  constructor(lifetimeMs: number, load: () => Promise<T>, keptForMs = Infinity) {
    this.#lifetimeMs = lifetimeMs;
    this.#load = load;
    this.#keptForMs = keptForMs;
  }

  /** @throws whatever loading throws, when there is no older value to answer with */
  async get(): Promise<T> {
    const now = performance.now();
    const known = this.#value;
    const age = known === null ? Infinity : now - known.loadedAt;
    if (known !== null && age < this.#lifetimeMs) return known.value;
    const old = age < this.#keptForMs ? known : null;
    if (old !== null && now - this.#failedAt < retryAfterMs) return old.value;
    const { value: loading, since } = (this.#loading ??= { value: this.#refresh(), since: now });
    if (old === null) return loading;
    try {
      return await within(Math.max(0, since + patienceMs - now), loading, old.value);
    } catch {
      return old.value;
    }
  }

  async #refresh(): Promise<T> {
    try {
      const value = await this.#load();
      this.#value = { value, loadedAt: performance.now() };
      return value;
    } catch (error) {
      this.#failedAt = performance.now();
      throw error;
    } finally {
      this.#loading = null;
    }
  }
}

/** What a promise comes to, or `otherwise` when it takes too long. */
async function within<T>(ms: number, promise: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
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
