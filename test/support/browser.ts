import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../scripts/setup/programs.mjs';
import { writeVoice } from './voice.ts';

/** What browser tests leave behind to be looked at. */
export const outputDirectory = fileURLToPath(new URL('../output/', import.meta.url));

/**
 * What Chromium does without. The first three draw pages for the address bar of every new window, a second of CPU each; the
 * others are those of Playwright's own list that matter here, since the last list given is the one that counts.
 */
const disabledFeatures = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxFullPopup',
  'AimEnabled',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
];

/** What the server's address and a user make of a tab. */
export interface TabOptions {
  /** The server, or a hop in front of it. */
  readonly url: string;
  /** Signs in with it; null: nobody. */
  readonly token: string | null;
  /** Where the tab opens; the lobby by default. */
  readonly path?: string;
  readonly context?: BrowserContextOptions;
  /** Called before the page is opened, as for scripts that run before its own. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** A tab in a browser profile of its own. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  /** Exceptions that nothing on the page caught. */
  readonly exceptions: readonly string[];
}

/**
 * Starts Chromium, into whose made-up microphone somebody sings without end.
 *
 * @throws Error when there is no Chromium; `npm run setup -- --for-tests` gets one
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('Chromium is not installed: npm run setup -- --for-tests');
  await mkdir(outputDirectory, { recursive: true });
  const voice = join(outputDirectory, 'voice.wav');
  await writeVoice(voice);
  return chromium.launch({
    executablePath,
    args: [
      '--disable-gpu',
      `--disable-features=${disabledFeatures.join(',')}`,
      '--disable-quic',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${voice}`,
      '--use-fake-ui-for-media-stream',
    ],
  });
}

/** Opens the client as a user follows a link with a token. */
export async function openTab(
  browser: Browser,
  { url, token, path = '/', context, prepare }: TabOptions,
): Promise<Tab> {
  const profile = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...context });
  const exceptions: string[] = [];
  try {
    const page = await profile.newPage();
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => exceptions.push(error.stack ?? error.message));
    await prepare?.(page);
    const fragment = token === null ? '' : `#token=${encodeURIComponent(token)}`;
    await page.goto(`${url}${path}?debug=1${fragment}`);
    return { page, exceptions, [Symbol.asyncDispose]: () => profile.close() };
  } catch (error) {
    await profile.close();
    throw error;
  }
}
