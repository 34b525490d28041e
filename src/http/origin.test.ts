import { describe, expect, it } from 'vitest';
import { isOriginAllowed } from './origin.ts';

const listed = ['https://app.example.com'];

describe('origin check of the WebSocket upgrade', () => {
  it('lets in listed origins and pages of the same host', () => {
    const production = { listed, production: true };
    expect(isOriginAllowed({ origin: 'https://app.example.com', host: 'audio.example.com' }, production)).toBe(true);
    expect(isOriginAllowed({ origin: 'https://audio.example.com', host: 'Audio.Example.com' }, production)).toBe(true);
    expect(isOriginAllowed({ origin: 'http://localhost:3030', host: 'localhost:3030' }, production)).toBe(true);
  });

  it.each([['https://evil.example.com'], ['null'], [''], [undefined], ['https://app.example.com.evil.example.com']])(
    'refuses %s in production',
    (origin) => {
      const headers = { host: 'audio.example.com', ...(origin === undefined ? {} : { origin }) };
      expect(isOriginAllowed(headers, { listed, production: true })).toBe(false);
    },
  );

  it('lets tools without an origin in outside production, and any page while none is listed', () => {
    expect(isOriginAllowed({ host: 'x' }, { listed, production: false })).toBe(true);
    expect(isOriginAllowed({ origin: 'http://localhost:3000', host: 'x' }, { listed: [], production: false })).toBe(
      true,
    );
    expect(isOriginAllowed({ origin: 'http://localhost:3000', host: 'x' }, { listed, production: false })).toBe(false);
  });
});
