/** Something that docs/LARAVEL_REQUIREMENTS.md demands and the back end does not do; its message says what. */
export class Miss extends Error {
  override readonly name = 'Miss';
}

/** A check that cannot be made with what is known; its message says what would be needed. */
export class Skip extends Error {
  override readonly name = 'Skip';
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The body as JSON. @throws Miss when it is none */
  json(): unknown;
}

export interface BackEndOptions {
  /** Base address, without `/internal`. */
  readonly url: string;
  readonly key: string;
  /** Longest time for one answer, ms. */
  readonly timeoutMs: number;
}

export interface CallOptions {
  /** Another key than the right one; null for none. */
  readonly key?: string | null;
  /** Hang up after this time, ms. */
  readonly abandonAfterMs?: number;
}

/** The back end under test, over HTTP as the audio server calls it. */
export class BackEnd {
  readonly #options: BackEndOptions;

  constructor(options: BackEndOptions) {
    this.#options = options;
  }

  /**
   * @param path - below `/internal`
   * @throws Miss when there is no answer in time
   */
  async call(method: 'GET' | 'POST', path: string, body?: unknown, options: CallOptions = {}): Promise<Answer> {
    const { url, timeoutMs } = this.#options;
    const { key = this.#options.key, abandonAfterMs } = options;
    const what = `${method} /internal${path}`;
    try {
      const response = await fetch(`${url.replace(/\/$/, '')}/internal${path}`, {
        method,
        headers: {
          accept: 'application/json',
          ...(key === null ? {} : { 'x-internal-key': key }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.timeout(abandonAfterMs ?? timeoutMs),
      });
      const text = await response.text();
      return { status: response.status, text, json: () => parse(text, what) };
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') {
        throw new Miss(`${what}: no answer within ${abandonAfterMs ?? timeoutMs} ms`);
      }
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new Miss(`${what}: no answer (${cause})`);
    }
  }

  /** As {@link call}, and demands a status. @throws Miss */
  async expect(status: number, ...call: Parameters<BackEnd['call']>): Promise<Answer> {
    const answer = await this.call(...call);
    const [method, path] = call;
    demand(answer.status === status, `${method} /internal${path}: status ${answer.status} instead of ${status}`);
    return answer;
  }
}

/** @throws Miss when `condition` does not hold */
export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Miss(otherwise);
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Miss(`${what}: the body is not JSON: ${JSON.stringify(text.slice(0, 60))}`);
  }
}
