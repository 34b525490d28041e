import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isExecutable, run } from './commands.mjs';

const ANSWER_TIMEOUT_MS = 8_000;
const TRANSFER_TIMEOUT_MS = 120_000;

/**
 * The address of the worker that the makers of mediasoup build, by the rule of their
 * own install script.
 *
 * @param {{ version: string, repository: { url: string } }} manifest mediasoup's package.json
 * @param {{ platform: string, arch: string, kernel: string, env: NodeJS.ProcessEnv }} host
 * @returns {string}
 */
export function prebuiltUrl(manifest, { platform, arch, kernel, env }) {
  const repository = manifest.repository.url.replace(/^git\+/, '').replace(/\.git$/, '');
  const base = env.MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL || `${repository}/releases/download`;
  const suffix = platform === 'linux' ? `-kernel${kernel.split('.')[0]}` : '';
  const name = `mediasoup-worker-${manifest.version}-${platform}-${arch}${suffix}.tgz`;
  return `${base}/${manifest.version}/${name}`;
}

/**
 * Downloads and unpacks the worker.
 *
 * @param {string} url
 * @param {string} folder where to
 * @returns {Promise<string>} the path of the binary; rejects with the reason
 */
export async function downloadWorker(url, folder) {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), TRANSFER_TIMEOUT_MS);
    const archive = join(folder, 'worker.tgz');
    const body = /** @type {import('node:stream/web').ReadableStream} */ (response.body);
    await pipeline(Readable.fromWeb(body), createWriteStream(archive));
    const unpacked = await run('tar', ['-xzf', archive, '-C', folder]);
    const binary = join(folder, 'mediasoup-worker');
    if (!unpacked.ok || !isExecutable(binary)) throw new Error('the archive could not be unpacked');
    return binary;
  } catch (error) {
    throw new Error(abort.signal.aborted ? 'no answer in time' : reasonOf(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `fetch` hides the reason, such as an unknown host, in `cause`.
 *
 * @param {unknown} error
 */
function reasonOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}
