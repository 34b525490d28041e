import { performance } from 'node:perf_hooks';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askWorkers } from '../support/admin.ts';
import { launchBrowser } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { hear, measure } from '../support/hearing.ts';
import { addRoom } from '../support/members.ts';
import { takeSeat, visit } from '../support/room-tab.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startTestServer(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'two who talk hear each other again after a worker got %s',
  async (signal) => {
    const roomId = addRoom(server);
    await using ada = await visit(browser, server, roomId);
    await using grace = await visit(browser, server, roomId);
    await takeSeat(ada);
    await takeSeat(grace);
    await Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);

    const workers = await askWorkers(server.url, server.internalKey);
    const busy = workers.find(({ routers }) => routers > 0)?.pid ?? expect.unreachable();
    const hurtAt = performance.now();
    process.kill(busy, signal);
    const lost = async () => {
      const energies = await Promise.all([measure(ada, grace.user.id), measure(grace, ada.user.id)]);
      expect(energies.every((energy) => energy === null || energy < 0.001)).toBe(true);
    };
    await eventually(lost);
    await Promise.all([hear(ada, grace.user.id), hear(grace, ada.user.id)]);
    // Of a worker that hangs nobody knows for up to 4 s.
    expect(performance.now() - hurtAt).toBeLessThan(signal === 'SIGKILL' ? 5_000 : 9_000);
    expect([ada, grace].flatMap(({ exceptions }) => exceptions)).toEqual([]);
  },
);
