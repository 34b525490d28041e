/**
 * Runs what a person asked for: `busy` while it runs, and any error is told in plain words.
 */
export function useAttempt() {
  const { say } = useNotices();
  const busy = ref(false);

  /** @returns whether it worked; false also when something else is still running */
  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false;
    busy.value = true;
    try {
      await work();
      return true;
    } catch (error) {
      say(explain(error), 'bad');
      return false;
    } finally {
      busy.value = false;
    }
  }

  return { busy: readonly(busy), attempt };
}
