import type { IncomingHttpHeaders } from 'node:http';

/**
 * Decides whose pages may open a WebSocket. Browsers send `Origin` with every upgrade and do not apply CORS to it, so
 * without this check any page could use a visitor's network position.
 *
 * A page of this very host and the listed origins are let in. In production nobody else is, clients without an origin and
 * `null` included; elsewhere clients without an origin (tests, tools) are, and any origin while none is listed.
 */
export function isOriginAllowed(
  headers: Pick<IncomingHttpHeaders, 'origin' | 'host'>,
  options: { readonly listed: readonly string[]; readonly production: boolean },
): boolean {
  const { origin, host } = headers;
  if (origin !== undefined && options.listed.includes(origin)) return true;
  if (origin !== undefined && host !== undefined && hostOf(origin) === host.toLowerCase()) return true;
  if (options.production) return false;
  return origin === undefined || options.listed.length === 0;
}

function hostOf(origin: string): string | null {
  return URL.parse(origin)?.host ?? null;
}
