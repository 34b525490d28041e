import { describe, expect, it } from 'vitest';
import { assertLoopback, isLoopback, leadsToLoopback } from './loopback.ts';

describe('loopback', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1'])('knows %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each(['10.0.0.1', '192.0.2.1', '0.0.0.0', '::', '2001:db8::1', '128.0.0.1'])('refuses %s', (address) => {
    expect(isLoopback(address)).toBe(false);
  });

  it('refuses a server that takes audio elsewhere, of one address among others too', () => {
    expect(() => assertLoopback(['127.0.0.1', '::1'])).not.toThrow();
    for (const elsewhere of ['192.0.2.1', '2001:db8::1', 'localhost', 'media.example.com']) {
      expect(() => assertLoopback(['127.0.0.1', elsewhere])).toThrow(`${elsewhere}: say --allow-remote`);
    }
  });

  it('looks at the host of a URL', async () => {
    expect(await leadsToLoopback('http://127.0.0.1:3030')).toBe(true);
    expect(await leadsToLoopback('http://[::1]:3030/x')).toBe(true);
    expect(await leadsToLoopback('http://localhost')).toBe(true);
    expect(await leadsToLoopback('https://192.0.2.1')).toBe(false);
    await expect(leadsToLoopback('http://nobody.invalid')).rejects.toThrow();
  });
});
