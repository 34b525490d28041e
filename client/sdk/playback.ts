import { Emitter } from './emitter.ts';
import type { Logger } from './logger.ts';

interface Voice {
  readonly source: MediaStreamAudioSourceNode;
  readonly analyser: AnalyserNode;
  readonly element: HTMLAudioElement;
}

/** The longest window an analyser has: 0.68 s at 48 kHz. */
const energyWindow = 32_768;
/** A moment: 21 ms at 48 kHz. */
const mixWindow = 1_024;
/** Mean square of samples below which there is comfort noise at most. */
const silence = 0.000_001;

/**
 * Plays everybody through one AudioContext, so that one user gesture unlocks all voices that are yet to come.
 *
 * Browsers let a context start only inside a user gesture: make it in the click handler, before the first `await`.
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

  /** @param context - the application's own context, which it closes itself; left out: one is made */
  constructor(logger: Logger, context?: AudioContext) {
    super((error) => logger.warn('A listener of the playback threw', error));
    this.#ownsContext = !context;
    this.#context = context ?? new AudioContext({ latencyHint: 'interactive' });
    this.#mix = new AnalyserNode(this.#context, { fftSize: mixWindow });
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
    const analyser = new AnalyserNode(this.#context, { fftSize: energyWindow });
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
    return meanSquare(voice.analyser);
  }

  /** Whether anything is heard at this moment. */
  get sounding(): boolean {
    return !this.blocked && meanSquare(this.#mix) > silence;
  }

  close(): void {
    this.#context.removeEventListener('statechange', this.#onStateChange);
    for (const id of [...this.#voices.keys()]) this.remove(id);
    this.#mix.disconnect();
    if (this.#ownsContext && this.#context.state !== 'closed') void this.#context.close();
  }

  readonly #onStateChange = (): void => this.emit('blocked', this.blocked);
}

function meanSquare(analyser: AnalyserNode): number {
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  return samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
}
