/// <reference lib="dom" />
import { performance } from 'node:perf_hooks';
import { observer } from 'mediasoup';
import type { Transport } from 'mediasoup/types';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askWorkers } from '../support/admin.ts';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, hearSilence, windowMs } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { leadThroughRelay } from '../support/relayed-tab.ts';
import { takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** How long a repair may take that begins with a browser's noticing of the loss, ms. */
const repairMs = 60_000;

/** Clients' transports of all workers of this process. */
const transports = new Set<Transport>();
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  observer.on('newworker', (worker) =>
    worker.observer.on('newrouter', (router) =>
      router.observer.on('newtransport', (transport) => {
        if (transport.type !== 'webrtc') return;
        transports.add(transport);
        transport.observer.once('close', () => transports.delete(transport));
      }),
    ),
  );
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Two tabs that hear each other. */
async function openDialogue() {
  const roomId = addRoom(server);
  await using opening = new AsyncDisposableStack();
  const ada = opening.use(await visit(browser, server, roomId));
  const grace = opening.use(await visit(browser, server, roomId));
  await takeSeat(ada);
  await takeSeat(grace);
  const areHeard = () => Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);
  await areHeard();
  const opened = opening.move();
  return {
    /** Resolves once both are heard, by what sounds from now on. */
    hearAgain: async () => {
      await ada.page.waitForTimeout(windowMs);
      await eventually(areHeard, repairMs);
    },
    exceptions: () => [ada, grace].flatMap(({ exceptions }) => exceptions),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'two who talk hear each other again after a worker got %s',
  async (signal) => {
    await using dialogue = await openDialogue();
    const workers = await askWorkers(server.url, server.internalKey);
    const busy = workers.find(({ routers }) => routers > 0)?.pid ?? expect.unreachable();
    const hurtAt = performance.now();
    process.kill(busy, signal);
    await eventually(async () => {
      const pids = (await askWorkers(server.url, server.internalKey)).map(({ pid }) => pid);
      expect(pids).not.toContain(busy);
    }, 20_000);
    await dialogue.hearAgain();
    console.log(`${signal}: both heard again after ${(performance.now() - hurtAt).toFixed(0)} ms`);
    expect(dialogue.exceptions()).toEqual([]);
  },
);

test('two who talk hear each other again after the server has closed their transports', async () => {
  // Those of tabs that are gone live on for their grace period.
  const ofOthers = new Set(transports);
  await using dialogue = await openDialogue();
  const theirs = [...transports].filter((transport) => !ofOthers.has(transport));
  expect(theirs).toHaveLength(4);
  for (const transport of theirs) transport.close();
  await dialogue.hearAgain();
  expect(dialogue.exceptions()).toEqual([]);
});

/** The part of the SDK that `?debug=1` shows, and what this file keeps on a page. */
interface DebugPage {
  readonly __flylive: { on(event: 'problem', listener: (error: { code: string }) => void): unknown };
  problems: string[];
}

test('a listener whose network loses everything is told so, and hears again once it does not', async () => {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await takeSeat(speaker);
  await using network = await leadThroughRelay(listener);
  const { id } = speaker.user;
  await hear(listener, id);
  await listener.page.evaluate(() => {
    const page = globalThis as unknown as DebugPage;
    page.problems = [];
    page.__flylive.on('problem', ({ code }) => page.problems.push(code));
  });
  const problems = () => listener.page.evaluate(() => (globalThis as unknown as DebugPage).problems);

  network.lose(() => true);
  await hearSilence(listener, id);
  await eventually(async () => expect(await problems()).toEqual(['MEDIA_BLOCKED']), repairMs);
  network.lose(() => false);
  await eventually(() => hear(listener, id), repairMs);
  expect(await problems()).toEqual(['MEDIA_BLOCKED']);
  expect(listener.exceptions).toEqual([]);
});
