const LINE_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 200;

/**
 * Tells what takes long: one updating line on a terminal, otherwise (and in CI) a line
 * at the start, one every ten seconds and one at the end.
 *
 * @param {{ isTTY?: boolean, columns?: number, write(text: string): unknown }} stream
 * @param {NodeJS.ProcessEnv} env
 */
export function createProgress(stream, env) {
  const redraw = stream.isTTY === true && !isTrue(env.CI) && env.TERM !== 'dumb';

  /**
   * Runs one step and shows it.
   *
   * @template T
   * @param {string} title
   * @param {(report: (detail: string) => void) => Promise<T>} task calls `report` with
   *   what it is doing right now
   * @returns {Promise<T>}
   */
  async function step(title, task) {
    const start = Date.now();
    let detail = '';
    const line = () => {
      const text = `${title} (${elapsed(Date.now() - start)}${detail ? `, ${detail}` : ''})`;
      return redraw ? text.slice(0, (stream.columns ?? 80) - 1) : text;
    };
    const show = redraw ? () => stream.write(`\r\x1b[K${line()}`) : () => stream.write(`${line()}\n`);

    stream.write(redraw ? line() : `${title} ...\n`);
    const timer = setInterval(show, redraw ? REDRAW_EVERY_MS : LINE_EVERY_MS);
    const finish = (/** @type {string} */ word) => {
      clearInterval(timer);
      const text = `${title}: ${word} (${elapsed(Date.now() - start)})\n`;
      stream.write(redraw ? `\r\x1b[K${text}` : text);
    };
    try {
      const result = await task((text) => (detail = text));
      finish('done');
      return result;
    } catch (error) {
      finish('did not work');
      throw error;
    }
  }

  return { step };
}

/** @typedef {ReturnType<typeof createProgress>} Progress */

/**
 * @param {number} ms
 * @returns {string} such as `7 s` or `2 min 05 s`
 */
export function elapsed(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** @param {string | undefined} value */
function isTrue(value) {
  return value !== undefined && value !== '' && value !== 'false' && value !== '0';
}
