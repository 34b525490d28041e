import type { Notices } from '~/utils/notices';

/** Short messages at the edge of the page. */
export function useNotices(): Notices {
  return useNuxtApp().$notices;
}
