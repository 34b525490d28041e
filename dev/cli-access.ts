import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where the running stack says how `npm run flylive` reaches it. */
export function accessFile(root: string): string {
  return join(root, '.data/flylive.env');
}

/** Lets `npm run flylive` find the running stack and be let in by it. The key is for this user's eyes only. */
export async function openCliAccess(root: string, access: { url: string; internalKey: string }): Promise<void> {
  const file = accessFile(root);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `FLYLIVE_URL=${access.url}\nLARAVEL_INTERNAL_KEY=${access.internalKey}\n`, { mode: 0o600 });
}

/** Again without effect. */
export async function closeCliAccess(root: string): Promise<void> {
  await rm(accessFile(root), { force: true });
}
