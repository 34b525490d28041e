/**
 * Makes src/cli/load-test/recorded-voice.ts, what the load tester's speakers say: `node dev/record-voice.ts`. One second
 * of the made-up voice of the browser tests and one of silence, encoded by Chromium as it would for a call.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../test/support/browser.ts';
import { writeVoice } from '../test/support/voice.ts';

const output = fileURLToPath(new URL('../src/cli/load-test/recorded-voice.ts', import.meta.url));
const packetTimes = [20, 40, 60];
/** Chromium's own for a microphone in mono. */
const bitrate = 32_000;
const sampleRate = 48_000;
const wavHeaderSize = 44;

/** The part of WebCodecs that is used here; Node.js knows no types of it. */
interface WebCodecs {
  readonly AudioEncoder: new (init: object) => {
    configure(config: object): void;
    encode(data: unknown): void;
    flush(): Promise<void>;
  };
  readonly AudioData: new (init: object) => unknown;
}

await using cleanUp = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), 'flylive-voice-'));
cleanUp.defer(() => rm(directory, { recursive: true }));
const wav = join(directory, 'voice.wav');
await writeVoice(wav);
const voice = (await readFile(wav)).subarray(wavHeaderSize, wavHeaderSize + sampleRate * 2);

// Pages of the loopback count as secure, which WebCodecs asks for.
const server = createServer((_request, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1');
cleanUp.defer(() => void server.close());
await once(server, 'listening');
const browser = await launchBrowser();
cleanUp.defer(() => browser.close());
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);

const lines: string[] = [];
for (const [name, pcm] of [
  ['voice', voice],
  ['silence', Buffer.alloc(voice.length)],
] as const) {
  lines.push(`  ${name}: {`);
  for (const packetMs of packetTimes) {
    const frames = await encode(pcm, packetMs);
    const kept = name === 'voice' ? frames : frames.slice(-1);
    lines.push(`    ${packetMs}: [`, ...kept.map((frame) => `      '${frame}',`), '    ],');
  }
  lines.push('  },');
}
// Prettier's quotes; lines stay long.
await writeFile(
  output,
  [
    '/** Opus in base64, by the milliseconds that a packet holds; made by dev/record-voice.ts. */',
    'export const recording = {',
    ...lines,
    '} as const;',
    '',
  ].join('\n'),
);

/** @returns the frames in base64 */
function encode(pcm: Buffer, packetMs: number): Promise<string[]> {
  return page.evaluate(
    async ({ samples, packetMs, bitrate, sampleRate }) => {
      const { AudioEncoder, AudioData } = globalThis as unknown as WebCodecs;
      const frames: string[] = [];
      const encoder = new AudioEncoder({
        output: (chunk: { byteLength: number; copyTo(bytes: Uint8Array): void }) => {
          const bytes = new Uint8Array(chunk.byteLength);
          chunk.copyTo(bytes);
          frames.push(btoa(String.fromCharCode(...bytes)));
        },
        error: (error: Error) => {
          throw error;
        },
      });
      const opus = { frameDuration: packetMs * 1_000, useinbandfec: true, packetlossperc: 0, application: 'voip' };
      encoder.configure({ codec: 'opus', sampleRate, numberOfChannels: 1, bitrate, bitrateMode: 'variable', opus });
      const data = new Int16Array(samples);
      encoder.encode(
        new AudioData({
          format: 's16',
          sampleRate,
          numberOfFrames: data.length,
          numberOfChannels: 1,
          timestamp: 0,
          data,
        }),
      );
      await encoder.flush();
      return frames;
    },
    { samples: Array.from(new Int16Array(new Uint8Array(pcm).buffer)), packetMs, bitrate, sampleRate },
  );
}
