/**
 * Calls back when the device is likely to have a network again: the browser is back online, or the page is shown after
 * having been hidden (phones suspend hidden pages and their sockets). Does nothing outside a browser.
 *
 * @returns a function that stops it
 */
export function onWakeUp(listener: () => void): () => void {
  if (typeof window === 'undefined') return () => undefined;
  const whenVisible = () => {
    if (document.visibilityState === 'visible') listener();
  };
  window.addEventListener('online', listener);
  document.addEventListener('visibilitychange', whenVisible);
  return () => {
    window.removeEventListener('online', listener);
    document.removeEventListener('visibilitychange', whenVisible);
  };
}
