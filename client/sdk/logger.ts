/** Where the SDK says what an application need not react to. Fits `console`. */
export interface Logger {
  debug(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
}

/** Says nothing. */
export const silentLogger: Logger = { debug: () => undefined, warn: () => undefined };
