import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether a header shows the internal key. Digests are compared, in constant time whatever the lengths. */
export function showsInternalKey(header: string | string[] | undefined, internalKey: string): boolean {
  if (typeof header !== 'string') return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header), digest(internalKey));
}
