import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InternalKeyGuard } from './internal-key.ts';

const key = 'the-internal-key-of-at-least-32-characters';

describe('the guard of the internal key', () => {
  let guard: InternalKeyGuard;
  const codeFor = (header: string | string[] | undefined, address = '192.0.2.1'): string | null =>
    guard.refusalOf(header, address)?.code ?? null;

  beforeEach(() => {
    vi.useFakeTimers();
    guard = new InternalKeyGuard(key);
  });
  afterEach(() => vi.useRealTimers());

  it('lets the key in and nothing else', () => {
    expect(codeFor(key)).toBeNull();
    for (const header of [undefined, '', 'wrong', `${key} `, key.slice(1), [key, key]]) {
      expect(codeFor(header, String(header))).toBe('ADMIN_KEY_REQUIRED');
    }
  });

  it('counts an IPv6 network of 64 bits as one, and each IPv4 address by itself', () => {
    const addresses = ['2001:db8:0:7::1', '2001:db8::7:0:0:0:2', '2001:0db8:0000:0007:ffff::3', '2001:db8:0:7:1:2:3:4'];
    for (const address of [...addresses, '2001:DB8:0:7::5'])
      expect(codeFor('wrong', address)).toBe('ADMIN_KEY_REQUIRED');
    expect(codeFor('wrong', '2001:db8:0:7:a::')).toBe('ADMIN_LOCKED_OUT');
    expect(codeFor(key, '2001:db8:0:7:b::9')).toBe('ADMIN_LOCKED_OUT');
    for (const address of ['2001:db8:0:8::1', '::1', '::ffff:192.0.2.7']) expect(codeFor(key, address)).toBeNull();
    for (let attempt = 0; attempt < 6; attempt += 1) codeFor('wrong', `::ffff:192.0.2.${attempt}`);
    expect(codeFor(key, '::ffff:192.0.2.0')).toBeNull();
  });

  it('locks an address out after wrong keys, for the right one too, and lets it in again', () => {
    for (let attempt = 0; attempt < 5; attempt += 1) expect(codeFor('wrong')).toBe('ADMIN_KEY_REQUIRED');
    expect(codeFor('wrong')).toBe('ADMIN_LOCKED_OUT');
    vi.advanceTimersByTime(20_000);
    const refusal = guard.refusalOf(key, '192.0.2.1');
    expect(refusal?.code).toBe('ADMIN_LOCKED_OUT');
    expect(refusal?.details.retryAfterMs).toBe(40_000);
    expect(codeFor(key, '192.0.2.2')).toBeNull();
    vi.advanceTimersByTime(40_001);
    expect(codeFor(key)).toBeNull();
  });

  it('counts neither calls without a key nor old or forgiven mistakes', () => {
    for (let call = 0; call < 50; call += 1) expect(codeFor(undefined)).toBe('ADMIN_KEY_REQUIRED');
    for (let round = 0; round < 5; round += 1) {
      for (let attempt = 0; attempt < 5; attempt += 1) expect(codeFor('wrong')).toBe('ADMIN_KEY_REQUIRED');
      if (round % 2 === 0) vi.advanceTimersByTime(60_001);
      else expect(codeFor(key)).toBeNull();
    }
  });
});
