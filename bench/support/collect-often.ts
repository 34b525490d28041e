/**
 * Loaded into the serving process where memory is measured: collects garbage every second, so that what is counted is
 * what is held.
 */
setInterval(() => {
  void globalThis.gc?.({ type: 'major', execution: 'async' });
}, 1_000).unref();
