import type { Room } from '~~/sdk/index.ts';

declare global {
  interface Window {
    /** The current room, on pages opened with `?debug=1` only. */
    __flylive?: Room | undefined;
  }
}

/** Makes the one session of the page and hands it to every component. */
export default defineNuxtPlugin(() => {
  const { serverUrl } = useRuntimeConfig().public;
  const session = createSession(serverUrl || `${location.origin}/trpc`);
  if (new URLSearchParams(location.search).get('debug') === '1') {
    watch(
      session.room,
      (room) => {
        window.__flylive = room ?? undefined;
      },
      { flush: 'sync' },
    );
  }
  return { provide: { session, notices: createNotices() } };
});
