import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

/** Names of fields whose values never reach a log, compared without case, `-` and `_`. */
const secretNames = new Set([
  'token',
  'authorization',
  'cookie',
  'password',
  'secret',
  'internalkey',
  'xinternalkey',
  'apikey',
  'credential',
  'connectionparams',
]);
const censored = '[redacted]';
/** Deeper than anything we log; ends cycles. */
const maxDepth = 8;

/**
 * The structured JSON logger. Values of secret-named fields are replaced at any depth, in child bindings too.
 *
 * @param level - least severe level that is written
 * @param destination - where lines go; standard output unless given
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, formatters: { log: withoutSecretFields } };
  const logger = destination === undefined ? pino(options) : pino(options, destination);
  // pino applies no formatter to the bindings of children; they inherit this method.
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the child's own `this` below
  const makeChild = logger.child;
  logger.child = function (this: Logger, bindings, childOptions) {
    return makeChild.call(this, withoutSecretFields(bindings), childOptions as object);
  } as typeof logger.child;
  return logger;
}

function withoutSecretFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecretName(name) ? censored : withoutSecrets(value, 1)]),
  );
}

/** A copy of plain objects and arrays with secrets replaced; other objects (errors, class instances) stay as they are. */
function withoutSecrets(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecretName(name) ? censored : withoutSecrets(item, depth + 1),
    ]),
  );
}

function isSecretName(name: string): boolean {
  return secretNames.has(name.replaceAll(/[-_]/g, '').toLowerCase());
}
