import type { Transport } from 'mediasoup-client/types';
import { delay } from './back-off.ts';
import type { Logger } from './logger.ts';
import { silentLogger } from './logger.ts';

/** Between two looks at the statistics, and when to give up, ms. */
const lookEveryMs = 20;
const lookForMs = 10_000;

/** In the order in which they are logged. */
const steps = ['answer', 'ICE', 'DTLS', 'first packet', 'first sound'] as const;
type Step = (typeof steps)[number];

/** When each step between the call to join and the first sound was done, for the debug log. */
export class JoinTimeLine {
  readonly #logger: Logger;
  readonly #startedAt = performance.now();
  readonly #marks = new Map<Step, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Notes that a step is done now; again without effect. */
  mark(step: Step, ms = this.#elapsed): void {
    if (!this.#marks.has(step)) this.#marks.set(step, ms);
  }

  /**
   * Follows a receive transport to its first sound and logs the line, with a dash for what has not happened; never fails.
   *
   * @param soundBeganMsAgo - how long ago sound began, ms; null before
   */
  async follow(transport: Transport, soundBeganMsAgo: () => number | null): Promise<void> {
    if (this.#logger === silentLogger) return;
    for (let waited = 0; waited < lookForMs && !transport.closed; waited += lookEveryMs) {
      const ago = soundBeganMsAgo();
      if (ago !== null) {
        this.mark('first sound', Math.round(this.#elapsed - ago));
        break;
      }
      await this.#look(transport).catch(() => undefined);
      await delay(lookEveryMs);
    }
    // Statistics tell of the steps in between up to 50 ms late; sound is dated, and comes after them.
    const soundAt = this.#marks.get('first sound') ?? Infinity;
    const timeOf = (step: Step) => Math.min(this.#marks.get(step) ?? soundAt, soundAt);
    const line = steps.map((step) => `${step} ${Number.isFinite(timeOf(step)) ? timeOf(step) : '-'}`).join(', ');
    this.#logger.debug(`Joining took, in ms: ${line}`);
  }

  get #elapsed(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  async #look(transport: Transport): Promise<void> {
    const all = [...((await transport.getStats()).values() as Iterable<Record<string, unknown>>)];
    const has = (type: string, matches: (stats: Record<string, unknown>) => boolean): boolean =>
      all.some((stats) => stats['type'] === type && matches(stats));
    if (has('transport', ({ iceState }) => iceState === 'connected' || iceState === 'completed')) this.mark('ICE');
    if (has('transport', ({ dtlsState }) => dtlsState === 'connected')) this.mark('DTLS');
    if (has('inbound-rtp', ({ packetsReceived }) => Number(packetsReceived) > 0)) this.mark('first packet');
  }
}
