import type { Session } from '~/utils/session';

/** The session of this page: token, connection, current room. */
export function useSession(): Session {
  return useNuxtApp().$session;
}
