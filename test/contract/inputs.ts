import fc from 'fast-check';

/** Values that fit an input field of this name, in the state that the server is in. */
export type KnownValues = Readonly<Record<string, readonly unknown[]>>;

/** Any value of JSON, `undefined` and numbers that JSON lacks included. */
const plainValue = fc.anything({ maxDepth: 3, maxKeys: 6 });
/** Any value that superjson can carry. */
const richValue = fc.anything({
  maxDepth: 3,
  maxKeys: 6,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
});
const anything = fc.oneof({ arbitrary: plainValue, weight: 3 }, { arbitrary: richValue, weight: 1 });

/** JSON text, which may say what an object literal cannot: `__proto__` as a key, keys twice, numbers too large. */
const oddJson = fc.constantFrom(
  'null',
  '[]',
  '""',
  '1e999',
  '-0',
  '12345678901234567890',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"valueOf":2,"hasOwnProperty":3}',
  '{"roomId":"1","roomId":"2"}',
  '{"roomId":{"toString":"1"}}',
  '{"length":-1}',
  '"\\ud800"',
  '"\\u0000"',
  nested('[', ']', 200),
  nested('{"a":', '}', 200),
  nested('[', ']', 15_000),
  nested('{"a":', '}', 7_000),
);

const oddPath = fc.oneof(
  fc.constantFrom(
    '',
    'roomId',
    '__proto__',
    '__proto__.polluted',
    'constructor.prototype.polluted',
    'a.b.c',
    'roomId.0',
    '\\.',
    '0',
    '-1',
    'length',
  ),
  fc.string(),
);
const annotation = fc.oneof(
  fc.constantFrom<unknown>(
    ['Date'],
    ['set'],
    ['map'],
    ['bigint'],
    ['regexp'],
    ['number'],
    ['undefined'],
    ['URL'],
    ['Error'],
    [['class', 'Object']],
    [['class', '__proto__']],
    [['symbol', 'iterator']],
    [['custom', 'anything']],
    [['typed-array', 'Float64Array']],
    [['typed-array', 'Function']],
    ['nothing that exists'],
  ),
  fc.jsonValue(),
);

/** The `meta` of superjson, forged. */
const oddMeta = fc.oneof(
  fc.jsonValue(),
  fc.record({ values: fc.oneof(fc.jsonValue(), fc.dictionary(oddPath, annotation, { maxKeys: 4 })) }),
  fc.record({
    referentialEqualities: fc.oneof(
      fc.jsonValue(),
      fc.dictionary(oddPath, fc.array(oddPath, { maxLength: 3 }), { maxKeys: 3 }),
      fc.array(fc.array(oddPath, { maxLength: 3 }), { maxLength: 2 }),
    ),
  }),
  fc.record({ values: fc.dictionary(oddPath, annotation), v: fc.constantFrom(0, 1, 2, '1') }),
);

/**
 * Inputs as a client could make them: nonsense, the right fields with wrong values, nearly right ones, right ones.
 *
 * @param keys - the fields of the procedure's input
 */
export function clientInput(keys: readonly string[], known: KnownValues): fc.Arbitrary<unknown> {
  const right = (key: string): fc.Arbitrary<unknown> => fc.constantFrom(...(known[key] ?? [undefined]));
  const nearly = (key: string): fc.Arbitrary<unknown> => fc.oneof(right(key), anything, right(key).chain(mutate));
  const object = (valueOf: (key: string) => fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
    fc.record(Object.fromEntries(keys.map((key) => [key, valueOf(key)])));
  const oneWrong = fc
    .tuple(object(right), fc.constantFrom(...(keys.length === 0 ? ['nothing'] : keys)), fc.boolean(), anything)
    .chain(([input, key, mutated, value]) =>
      mutated
        ? mutate(input[key]).map((other) => ({ ...input, [key]: other }))
        : fc.constant({ ...input, [key]: value }),
    );
  return fc.oneof(
    { arbitrary: anything, weight: 2 },
    { arbitrary: object(right), weight: 2 },
    { arbitrary: object(nearly), weight: 2 },
    { arbitrary: oneWrong, weight: 4 },
    {
      arbitrary: fc
        .tuple(object(right), fc.string(), anything)
        .map(([input, key, value]) => ({ ...input, [key]: value })),
      weight: 1,
    },
    {
      arbitrary: fc
        .subarray([...keys])
        .chain((some) => fc.record(Object.fromEntries(some.map((key) => [key, right(key)])))),
      weight: 1,
    },
  );
}

/** Inputs as only a forger could make them: JSON text for the `input` of a call. */
export function forgedInput(keys: readonly string[], known: KnownValues): fc.Arbitrary<string> {
  const plain = fc
    .record(Object.fromEntries(keys.map((key) => [key, fc.constantFrom(...(known[key] ?? [null]))])))
    .map((input) => JSON.stringify(input));
  const json = fc.oneof(
    oddJson,
    plain,
    fc.jsonValue().map((value) => JSON.stringify(value)),
  );
  return fc.oneof(
    { arbitrary: json, weight: 1 },
    { arbitrary: json.map((text) => `{"json":${text}}`), weight: 2 },
    {
      arbitrary: fc.tuple(json, oddMeta).map(([text, meta]) => `{"json":${text},"meta":${JSON.stringify(meta)}}`),
      weight: 6,
    },
    {
      arbitrary: fc.constantFrom('{"meta":{"values":{"":["Date"]}}}', '{"json":{"a":1},"__proto__":{"json":2}}'),
      weight: 1,
    },
  );
}

/** The same value with something inside it replaced by anything. */
function mutate(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null) return anything;
  const paths = pathsOf(value);
  return fc.tuple(fc.constantFrom(...paths), anything).map(([path, replacement]) => {
    const copy: unknown = structuredClone(value);
    const [last = '', ...reversed] = path.toReversed();
    const parent = reversed
      .toReversed()
      .reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], copy) as Record<string, unknown>;
    parent[last] = replacement;
    return copy;
  });
}

function pathsOf(value: object): string[][] {
  const inner = Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
    typeof item === 'object' && item !== null ? [[key], ...pathsOf(item).map((path) => [key, ...path])] : [[key]],
  );
  return inner.length === 0 ? [['0']] : inner.filter((path) => path.length > 0);
}

function nested(open: string, close: string, depth: number): string {
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}
