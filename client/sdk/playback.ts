import { Emitter } from './emitter.ts';
import type { Logger } from './logger.ts';

interface Voice {
  readonly source: MediaStreamAudioSourceNode;
  readonly analyser: AnalyserNode;
  readonly element: HTMLAudioElement;
}

/** The longest window an analyser has: 0.68 s at 48 kHz. */
const energyWindow = 32_768;
/** Longer than a page is ever busy while it draws a room: 0.34 s at 48 kHz. */
const onsetWindow = 16_384;
/** What Web Audio renders at a time (its render quantum), samples. */
const renderQuantum = 128;
/** Mean square of samples below which there is comfort noise at most. */
const silence = 0.000_001;

/**
 * Plays everybody through one AudioContext, so that one user gesture unlocks all voices that are yet to come.
 *
 * Browsers let a context start only inside a user gesture: make the playback in the click handler, before the first `await`.
 */
export class Playback extends Emitter<{
  /** The browser withholds sound, or the operating system took it (a phone call), or it is back. */
  blocked: [blocked: boolean];
}> {
  readonly #context: AudioContext;
  readonly #ownsContext: boolean;
  /** All voices, on their way to the loudspeaker. */
  readonly #mix: AnalyserNode;
  readonly #voices = new Map<string, Voice>();

  /**
   * @param context - what the voices are played by
   * @param ownsContext - whether it is closed with the playback
   */
  constructor(logger: Logger, context: AudioContext, ownsContext: boolean) {
    super((error) => logger.warn('A listener of the playback threw', error));
    this.#ownsContext = ownsContext;
    this.#context = context;
    this.#mix = new AnalyserNode(this.#context);
    this.#mix.connect(this.#context.destination);
    this.#context.addEventListener('statechange', this.#onStateChange);
    void this.resume();
  }

  /** True while nothing can be heard until the user touches the page. */
  get blocked(): boolean {
    return this.#context.state !== 'running';
  }

  /** Starts sound; call it inside a user gesture when {@link blocked}. */
  async resume(): Promise<void> {
    // Without a gesture some browsers leave this pending until there is one.
    await this.#context.resume().catch(() => undefined);
  }

  /** Starts to play a remote track. */
  add(id: string, track: MediaStreamTrack): void {
    this.remove(id);
    const stream = new MediaStream([track]);
    // Chromium lets remote tracks flow into Web Audio only while a media element plays them too
    // (https://crbug.com/933677).
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => undefined);
    const source = this.#context.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(this.#context);
    source.connect(analyser).connect(this.#mix);
    this.#voices.set(id, { source, analyser, element });
  }

  /** Stops to play it. */
  remove(id: string): void {
    const voice = this.#voices.get(id);
    if (!voice) return;
    this.#voices.delete(id);
    voice.source.disconnect();
    voice.analyser.disconnect();
    voice.element.pause();
    voice.element.srcObject = null;
  }

  /** Mean square of one voice's samples over the last 0.7 s, on their way to the loudspeaker: 0 is silence. */
  energy(id: string): number {
    const voice = this.#voices.get(id);
    if (!voice || this.blocked) return 0;
    return meanSquare(readSamples(voice.analyser, energyWindow));
  }

  /**
   * How long ago sound began, seen from a page that may have been busy since.
   *
   * @returns ms, 340 at most (at 48 kHz); null when there was none in that time
   */
  soundBeganMsAgo(): number | null {
    if (this.blocked) return null;
    const samples = readSamples(this.#mix, onsetWindow);
    for (let start = 0; start < samples.length; start += renderQuantum) {
      if (meanSquare(samples.subarray(start, start + renderQuantum)) > silence) {
        return ((samples.length - start) / this.#context.sampleRate) * 1_000;
      }
    }
    return null;
  }

  close(): void {
    this.#context.removeEventListener('statechange', this.#onStateChange);
    for (const id of [...this.#voices.keys()]) this.remove(id);
    this.#mix.disconnect();
    if (this.#ownsContext && this.#context.state !== 'closed') void this.#context.close();
  }

  readonly #onStateChange = (): void => this.emit('blocked', this.blocked);
}

/** The last samples that went through a node. */
function readSamples(analyser: AnalyserNode, count: number): Float32Array {
  // Nodes remember this much in any case, but one made with a long window takes a browser 2 to 9 ms of the page's thread.
  if (analyser.fftSize < count) analyser.fftSize = count;
  const samples = new Float32Array(count);
  analyser.getFloatTimeDomainData(samples);
  return samples;
}

function meanSquare(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum / samples.length;
}
