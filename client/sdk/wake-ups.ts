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

/**
 * Calls back when the device is likely to have another address than before: it is online again, or over another kind of
 * link, such as mobile in the place of Wi-Fi. Does nothing outside a browser.
 *
 * @returns a function that stops it
 */
export function onNetworkChange(listener: () => void): () => void {
  if (typeof window === 'undefined') return () => undefined;
  const { connection } = navigator as { connection?: EventTarget & { readonly type?: string } };
  let type = connection?.type;
  // It also tells of every new estimate of the bandwidth.
  const whenOtherLink = () => {
    if (connection?.type === type) return;
    type = connection?.type;
    listener();
  };
  window.addEventListener('online', listener);
  connection?.addEventListener('change', whenOtherLink);
  return () => {
    window.removeEventListener('online', listener);
    connection?.removeEventListener('change', whenOtherLink);
  };
}
