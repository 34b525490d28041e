import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';

/** Whether an IP address is of this machine alone. */
export function isLoopback(address: string): boolean {
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Whether every address of a URL's host is. @throws Error when the host is not known */
export async function leadsToLoopback(url: string): Promise<boolean> {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = await lookup(host, { all: true });
  return addresses.every(({ address }) => isLoopback(address));
}

/**
 * @param addresses - where a server takes audio: IP addresses or host names
 * @throws Error naming the first that is not of this machine alone; of a host name nobody can tell
 */
export function assertLoopback(addresses: readonly string[]): void {
  const stranger = addresses.find((address) => isIP(address) === 0 || !isLoopback(address));
  if (stranger !== undefined) throw new Error(`The server takes audio at ${stranger}: say --allow-remote`);
}
