import { createHash, timingSafeEqual } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { AppError } from '../core/errors.ts';

/** Wrong keys that an address may show within {@link windowMs}. */
const mostFailures = 5;
const windowMs = 60_000;
/** How long an address that has shown more is refused, ms. */
const lockMs = 60_000;
/** Addresses that are remembered; the oldest go first. */
const mostAddresses = 10_000;

interface Failures {
  count: number;
  since: number;
  /** Null while the address is not locked out. */
  lockedUntil: number | null;
}

/**
 * Decides who has shown the internal key. An address that shows wrong ones again and again is refused for a while,
 * whatever it shows: else it could go on guessing. Of IPv6 the network of 64 bits counts, all of which is one customer's.
 * Each node counts for itself.
 */
export class InternalKeyGuard {
  readonly #expected: Buffer;
  readonly #failures = new Map<string, Failures>();

  constructor(internalKey: string) {
    this.#expected = digest(internalKey);
  }

  /**
   * @param header - what came as `X-Internal-Key`
   * @param address - the client's, as the proxies in front say it
   * @returns null when the header is the key; else why the call is refused: ADMIN_KEY_REQUIRED, ADMIN_LOCKED_OUT
   */
  refusalOf(header: string | readonly string[] | undefined, address: string): AppError | null {
    // Most calls are those of clients; they are not counted.
    if (header === undefined) return new AppError('ADMIN_KEY_REQUIRED');
    const now = performance.now();
    const origin = originOf(address);
    const known = this.#failures.get(origin);
    const lockedForMs = (known?.lockedUntil ?? now) - now;
    if (lockedForMs > 0) return lockedOut(lockedForMs);
    // Digests are of one length, so the comparison takes one time whatever was shown.
    if (typeof header === 'string' && timingSafeEqual(digest(header), this.#expected)) {
      this.#failures.delete(origin);
      return null;
    }
    return this.#countFailure(origin, now);
  }

  #countFailure(origin: string, now: number): AppError {
    const known = this.#failures.get(origin);
    const failures = known === undefined || now - known.since > windowMs ? newFailures(now) : known;
    failures.count += 1;
    this.#failures.delete(origin);
    this.#failures.set(origin, failures);
    if (this.#failures.size > mostAddresses) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    if (failures.count <= mostFailures) return new AppError('ADMIN_KEY_REQUIRED');
    failures.lockedUntil = now + lockMs;
    return lockedOut(lockMs);
  }
}

/** What is counted together: an IPv4 address, or an IPv6 network of 64 bits. */
function originOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [left = '', right] = address.split('::');
  const groups = left === '' ? [] : left.split(':');
  if (right !== undefined) {
    const after = right === '' ? [] : right.split(':');
    groups.push(...Array.from({ length: 8 - groups.length - after.length }, () => '0'), ...after);
  }
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  // In this one are the loopback and the whole of IPv4.
  return network.every((group) => group === '0') ? address : `${network.join(':')}::/64`;
}

function newFailures(now: number): Failures {
  return { count: 0, since: now, lockedUntil: null };
}

function lockedOut(forMs: number): AppError {
  return new AppError('ADMIN_LOCKED_OUT', { details: { retryAfterMs: Math.ceil(forMs) } });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
