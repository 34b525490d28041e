/// <reference lib="dom" />
/**
 * How much of the beginning is lost when somebody starts to speak: `node bench/onset.ts [beginnings]` (20 by default, for
 * each scene).
 *
 * A tab of Chromium sends a tone whose pitch tells how long it has been sounding, and another looks in the samples that it
 * plays for the first pitch that arrives: what lies before it was lost. The other speakers are bare peers, which send
 * packets and audio levels.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../test/support/browser.ts';
import { addRoom } from '../test/support/members.ts';
import { takeSeat, visit } from '../test/support/room-tab.ts';
import { openRtpSpeaker, type RtpSpeaker } from '../test/support/rtp-speaker.ts';
import { startTestServer, type TestServer } from '../test/support/server.ts';
import { quantile, report, type Row, round } from './support/report.ts';
import { listenSilently } from './support/silent-listener.ts';

const beginnings = Number(process.argv[2] ?? 20);
assert(beginnings >= 1, 'usage: node bench/onset.ts [beginnings]');

/** The tone: where it begins, Hz, how it rises, Hz a ms, and how long it is, ms. */
const tone = { from: 500, rise: 2.5, lengthMs: 1_000 };
/** Longer than a speaker keeps the place after the last sound. */
const silenceMs = 2_000;
const speakingLevel = -30;
const silentLevel = -127;

/** More than the server keeps silent speakers' places for. */
const crowd = 10;

interface Scene {
  readonly name: string;
  /** Speakers beside the one who is measured. */
  readonly others: number;
  /** Whether the others spoke since the measured one did. */
  readonly othersSpoke: boolean;
  /** Whether two of them are talking while the measured one begins. */
  readonly dialogue: boolean;
  /** Whether so many listen that places are given back in silence. */
  readonly crowd?: boolean;
}

const scenes: readonly Scene[] = [
  { name: 'among 3 open microphones', others: 2, othersSpoke: true, dialogue: true },
  { name: 'spoke last, among 6', others: 5, othersSpoke: false, dialogue: false },
  { name: 'three others spoke last, among 6', others: 5, othersSpoke: true, dialogue: false },
  { name: '... and two of them go on', others: 5, othersSpoke: true, dialogue: true },
  { name: 'many listen, nobody speaks', others: 2, othersSpoke: false, dialogue: false, crowd: true },
  { name: 'many listen, two talk', others: 5, othersSpoke: true, dialogue: true, crowd: true },
];

/** What the pages keep for this script. */
interface Spied {
  beep(): void;
  /** The first frequency of each beginning, Hz. */
  heard: number[];
}

/** Makes the microphone of a page silent but for a noise, until `beep()`. */
async function becomeTone(page: Page): Promise<void> {
  await page.addInitScript((sweep) => {
    const spied = globalThis as unknown as Spied;
    navigator.mediaDevices.getUserMedia = () => {
      const context = new AudioContext({ sampleRate: 48_000 });
      const output = context.createMediaStreamDestination();
      const noise = context.createBuffer(1, 48_000, 48_000);
      noise.getChannelData(0).forEach((_, index, samples) => (samples[index] = (Math.random() - 0.5) * 0.001));
      const floor = new AudioBufferSourceNode(context, { buffer: noise, loop: true });
      floor.connect(output);
      floor.start();
      const buffer = context.createBuffer(1, 48 * sweep.lengthMs, 48_000);
      buffer.getChannelData(0).forEach((_, index, samples) => {
        const ms = index / 48;
        samples[index] = 0.15 * Math.sin((2 * Math.PI * (sweep.from * ms + (sweep.rise * ms * ms) / 2)) / 1_000);
      });
      spied.beep = () => {
        const source = new AudioBufferSourceNode(context, { buffer });
        source.connect(output);
        source.start();
      };
      return Promise.resolve(output.stream);
    };
  }, tone);
}

/** Makes a page note the first frequency of everything that begins to sound. */
async function becomeEar(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const loud = 0.03;
    /** Samples of the decoder's fade-in, of the window whose crossings are counted, and of silence between tones. */
    const [skipped, window, pause] = [240, 960, 24_000];
    const spied = globalThis as unknown as Spied;
    spied.heard = [];

    async function listen(track: MediaStreamTrack): Promise<void> {
      const Processor = (
        globalThis as unknown as { MediaStreamTrackProcessor: new (init: object) => { readable: ReadableStream } }
      ).MediaStreamTrackProcessor;
      const reader = new Processor({ track }).readable.getReader() as ReadableStreamDefaultReader<AudioData>;
      let quiet = pause;
      let beginning: number[] | null = null;
      for (;;) {
        const { value: data } = await reader.read();
        if (!data) return;
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
        data.close();
        for (const sample of samples) {
          if (beginning === null && Math.abs(sample) > loud && quiet >= pause) beginning = [];
          quiet = Math.abs(sample) > loud ? 0 : quiet + 1;
          if (beginning === null) continue;
          beginning.push(sample);
          if (beginning.length < skipped + window) continue;
          spied.heard.push(frequencyOf(beginning.slice(skipped)));
          beginning = null;
        }
      }
    }

    /** By the first and the last rising zero crossing, Hz at 48 kHz. */
    function frequencyOf(samples: readonly number[]): number {
      const crossings: number[] = [];
      samples.forEach((sample, index) => {
        const before = samples[index - 1] ?? 0;
        if (index > 0 && before < 0 && sample >= 0) crossings.push(index - sample / (sample - before));
      });
      const [first = 0] = crossings;
      return (48_000 * (crossings.length - 1)) / ((crossings.at(-1) ?? first) - first);
    }

    const seen = new WeakSet<MediaStreamTrack>();
    (globalThis as { AudioContext: typeof AudioContext }).AudioContext = class extends AudioContext {
      override createMediaStreamSource(stream: MediaStream): MediaStreamAudioSourceNode {
        for (const track of stream.getAudioTracks()) {
          if (!seen.has(track)) void listen(track);
          seen.add(track);
        }
        return super.createMediaStreamSource(stream);
      }
    };
  });
}

/** Loads the page again, so that its scripts run from the beginning, and joins. */
async function enterAnew(page: Page): Promise<void> {
  await page.reload();
  await page.getByTestId('join-room').click();
  await page.getByTestId('participant-count').waitFor();
}

function heardBy(page: Page): Promise<number[]> {
  return page.evaluate(() => (globalThis as unknown as Spied).heard);
}

/** Brings the room into the state that the scene names, the measured speaker silent. */
async function prepare({ othersSpoke, dialogue }: Scene, others: readonly RtpSpeaker[]): Promise<void> {
  for (const [index, other] of others.entries()) other.level = othersSpoke && index < 3 ? speakingLevel : silentLevel;
  await sleep(silenceMs);
  for (const [index, other] of others.entries()) other.level = dialogue && index < 2 ? speakingLevel : silentLevel;
  await sleep(silenceMs);
}

async function measure(server: TestServer, browser: Browser, scene: Scene): Promise<Row> {
  const roomId = addRoom(server);
  await using speaker = await visit(browser, server, roomId);
  await using listener = await visit(browser, server, roomId);
  await becomeTone(speaker.page);
  await becomeEar(listener.page);
  await Promise.all([enterAnew(speaker.page), enterAnew(listener.page)]);
  await takeSeat(speaker);
  await using stack = new AsyncDisposableStack();
  const others: RtpSpeaker[] = [];
  for (let index = 0; index < scene.others; index += 1) {
    others.push(stack.use(await openRtpSpeaker(server, roomId, 1_000 + index)));
  }
  if (scene.crowd) for (let index = 0; index < crowd; index += 1) stack.use(await listenSilently(server, roomId));
  const lost: number[] = [];
  let missed = 0;
  for (let beginning = 0; beginning < beginnings; beginning += 1) {
    await prepare(scene, others);
    // Reports come every 250 ms, so beginnings fall on all phases of that.
    await sleep(Math.random() * 250);
    const before = (await heardBy(listener.page)).length;
    await speaker.page.evaluate(() => (globalThis as unknown as Spied).beep());
    await sleep(tone.lengthMs + 700);
    const [hz] = (await heardBy(listener.page)).slice(before);
    if (hz === undefined) missed += 1;
    // Seen in the middle of a window of 20 ms that begins 5 ms after the first sound.
    else lost.push(Math.max(0, (hz - tone.from) / tone.rise - 15));
  }
  assert.equal(missed, 0, `${scene.name}: ${missed} beginnings were not heard at all`);
  const at = (share: number): number => round(quantile(lost, share), 0);
  return { scene: scene.name, 'p50, ms': at(0.5), 'p95, ms': at(0.95), 'worst, ms': round(Math.max(...lost), 0) };
}

await using server = await startTestServer();
const browser = await launchBrowser();
try {
  const rows: Row[] = [];
  for (const scene of scenes) rows.push(await measure(server, browser, scene));
  report(`Lost of a beginning, ${beginnings} each`, rows);
} finally {
  await browser.close();
}
