import superjson, { type SuperJSONResult } from 'superjson';

/** Deepest nesting of an input; RTP capabilities have 5. */
const mostDepth = 12;
/** Most values of an input; RTP capabilities of a browser have about 1,000. */
const mostValues = 4_000;
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** What an input becomes that is refused without being read; {@link transformer} hands it over as the input. */
export class UnreadableInputError extends Error {
  override readonly name = 'UnreadableInputError';
}

/**
 * superjson in both directions, with a guard before what clients send: of superjson's types an input may use `undefined`
 * only, since no procedure takes another, and its JSON must be of a size that is cheap to check. So no client has
 * regular expressions, dates, sets or typed arrays built for it, and no path into a prototype followed.
 */
export const transformer = {
  input: {
    serialize: (value: unknown): SuperJSONResult => superjson.serialize(value),
    /** Never throws: tRPC reads all calls of a frame before the first one, and would leave each without an answer. */
    deserialize: (payload: unknown): unknown => {
      try {
        return superjson.deserialize(checked(payload));
      } catch (error) {
        if (error instanceof UnreadableInputError) return error;
        return new UnreadableInputError('The input cannot be read', { cause: error });
      }
    },
  },
  output: superjson,
};

/** @throws UnreadableInputError for an input that no client of ours makes */
function checked(payload: unknown): SuperJSONResult {
  if (payload === undefined) return { json: null, meta: { values: ['undefined'] } };
  if (!isRecord(payload)) throw refusal('is not in the form of superjson');
  checkSize(payload);
  const { json, meta } = payload;
  const values = isRecord(meta) ? meta['values'] : undefined;
  if (values !== undefined && !annotatesUndefinedOnly(values)) throw refusal('has types that no procedure takes');
  // References to equal objects, which superjson notes too, change nothing for us and are left out.
  return { json, ...(values === undefined ? {} : { meta: { values } }) } as SuperJSONResult;
}

/** Walks without recursion, so that depth costs no stack. */
function checkSize(payload: Record<string, unknown>): void {
  let level: unknown[] = [payload];
  let values = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > mostDepth) throw refusal('is nested too deeply');
    values += level.length;
    if (values > mostValues) throw refusal('has too many values');
    const next: unknown[] = [];
    for (const value of level) {
      if (Array.isArray(value)) {
        if (value.length > mostValues) throw refusal('has too many values');
        next.push(...(value as unknown[]));
      } else if (isRecord(value)) {
        for (const key of Object.keys(value)) {
          if (forbiddenKeys.has(key)) throw refusal('has a forbidden key');
          next.push(value[key]);
        }
      }
    }
    level = next;
  }
}

/** superjson's annotations: a tree whose leaves are `['undefined']` or a record of further paths. */
function annotatesUndefinedOnly(values: unknown): boolean {
  if (Array.isArray(values)) {
    const [type, inner, ...rest] = values as unknown[];
    const isLeaf = type === 'undefined' || (isRecord(type) && annotatesUndefinedOnly(type));
    return isLeaf && rest.length === 0 && (inner === undefined || annotatesUndefinedOnly(inner));
  }
  if (!isRecord(values)) return false;
  return Object.entries(values).every(([path, annotation]) => {
    return !path.split('.').some((key) => forbiddenKeys.has(key)) && annotatesUndefinedOnly(annotation);
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(problem: string): UnreadableInputError {
  return new UnreadableInputError(`The input ${problem}`);
}
