import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { LoadReport } from '../../src/cli/load-test/report.ts';
import { countMediaObjects } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { addRoom } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ env: { ROOM_IDLE_SECONDS: '1' } });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `flylive load-test` against the server. */
function loadTest(...args: readonly string[]): Promise<Outcome> {
  const env = {
    ...process.env,
    FLYLIVE_URL: server.url,
    LARAVEL_API_URL: server.laravel.url,
    LARAVEL_INTERNAL_KEY: server.internalKey,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ['src/cli/main.ts', 'load-test', ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Of users who are there for it, one a line. */
async function writeTokens(count: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'flylive-tokens-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'tokens');
  const tokens = Array.from({ length: count }, () => server.laravel.addUser({ name: 'Somebody' }).token);
  await writeFile(file, tokens.join('\n'));
  return file;
}

const size = ['--rooms', '1', '--speakers', '2', '--listeners', '4', '--minutes', '0.05'];

describe('flylive load-test', { timeout: 120_000 }, () => {
  it('has listeners hear all that speakers say, and says what it cost', async () => {
    const { code, stdout, stderr } = await loadTest(...size, '--talk', 'all', '--json');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { speakers, listeners, joins, packets, cpu, gone } = JSON.parse(stdout) as LoadReport;
    expect({ speakers, listeners, gone, failed: joins.failed, deaf: packets.deaf }).toEqual({
      speakers: 2,
      listeners: 4,
      gone: 0,
      failed: 0,
      deaf: 0,
    });
    // Cores that are shared with other tests may lose some.
    expect(packets.lost).toBeLessThan(packets.outPerSecond);
    // Two speakers with 50 packets a second each, later on a busy machine; each packet goes to 4 listeners and the other.
    expect(packets.inPerSecond).toBeGreaterThan(80);
    expect(packets.inPerSecond).toBeLessThan(110);
    expect(packets.outPerSecond / packets.inPerSecond).toBeGreaterThan(4.5);
    expect(packets.outPerSecond / packets.inPerSecond).toBeLessThan(5.5);
    expect(packets.streamsPerListener).toBeGreaterThan(1.5);
    expect(packets.streamsPerListener).toBeLessThan(2.5);
    expect(joins.p99Ms).toBeGreaterThanOrEqual(joins.p50Ms);
    expect(joins.p50Ms).toBeGreaterThan(0);
    expect(cpu.workerUsPerPacket).toBeGreaterThan(0);
    expect(cpu.nodeUsPerPacket).toBeGreaterThan(0);
    // It gives back what it was given, and leaves nothing behind.
    expect(server.laravel.rooms.filter(({ title }) => title.startsWith('Load test'))).toEqual([]);
    await eventually(async () => {
      expect(await countMediaObjects(server.url, server.internalKey)).toEqual({ routers: 0, transports: 0 });
    });
  });

  it('takes tokens and rooms of your own, and longer packets', async () => {
    const file = await writeTokens(6);
    const roomId = addRoom(server);
    const own = ['--token-file', file, '--room-ids', roomId, '--packet-ms', '40', '--json'];
    const { code, stdout } = await loadTest(...size, '--talk', 'all', ...own);
    expect(code).toBe(0);
    const { packets, joins } = JSON.parse(stdout) as LoadReport;
    expect(joins.failed).toBe(0);
    expect(packets.inPerSecond).toBeLessThan(60);
    expect(packets.outPerSecond / packets.inPerSecond).toBeGreaterThan(4.5);
  });

  it('takes the rooms that the server lists when none are named', async () => {
    addRoom(server);
    const { code, stdout } = await loadTest(...size, '--token-file', await writeTokens(6), '--json');
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as LoadReport).joins).toMatchObject({ failed: 0 });
  });

  it('counts those who do not get in, and fails', async () => {
    const file = await writeTokens(6);
    const { code, stdout } = await loadTest(...size, '--token-file', file, '--room-ids', '999999');
    expect(code).toBe(2);
    expect(stdout).toContain('6 failed');
    expect(stdout).toContain('6 x ROOM_NOT_FOUND');
  });

  it('refuses another machine unless told', async () => {
    const { code, stderr } = await loadTest('--url', 'http://192.0.2.1:3030');
    expect(code).toBe(1);
    expect(stderr).toContain('--allow-remote');
  });

  it.each([
    { args: ['--rooms', '0'], says: '--rooms' },
    { args: ['--speakers', '31'], says: '--speakers' },
    { args: ['--rooms', '1000', '--listeners', '100'], says: 'members at most' },
    { args: ['--minutes', '61'], says: '--minutes' },
    { args: ['--token-file', '/nobody/has/this'], says: '--token-file' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stderr } = await loadTest(...args);
    expect({ code, said: stderr.includes(says) ? says : stderr }).toEqual({ code: 1, said: says });
  });

  it('asks for as many tokens as there are members', async () => {
    const { code, stderr } = await loadTest(...size, '--token-file', await writeTokens(5));
    expect(code).toBe(1);
    expect(stderr).toContain('5 tokens, 6 are needed');
  });

  it('says when nobody is there', async () => {
    const { code, stderr } = await loadTest(...size, '--url', 'http://127.0.0.1:9');
    expect(code).toBe(3);
    expect(stderr).toContain('cannot be reached');
  });
});
