import type { Router } from 'mediasoup/types';

/**
 * What the parts of a router's load weigh, in streams that are sent to a client, each of which costs about 8 us of CPU a
 * packet. Measured: docs/CAPACITY.md.
 */
const weights = {
  /** The router itself stands for what is still to come. */
  router: 1,
  /** A stream that a client sends is decrypted and measured (23 us a packet). */
  producer: 3,
  /** A pipe's stream is neither encrypted nor decrypted. */
  piped: 0.5,
} as const;

/** How much work a router makes, counted from what is on it. */
export class RouterLoad {
  readonly #maxForwarded: number;
  readonly #counts = { transports: 0, producers: 0, consumers: 0, piped: 0 };

  /** @param maxForwarded - streams that are sent at a time to each client, however many it consumes; 0: all */
  constructor(router: Router, maxForwarded: number) {
    this.#maxForwarded = maxForwarded;
    router.observer.on('newtransport', (transport) => {
      const isClient = transport.type === 'webrtc';
      transport.observer.on('newproducer', ({ observer }) => {
        if (isClient) observer.once('close', this.#add('producers'));
      });
      transport.observer.on('newconsumer', ({ observer }) => {
        observer.once('close', this.#add(isClient ? 'consumers' : 'piped'));
      });
      if (isClient) transport.observer.once('close', this.#add('transports'));
    });
  }

  /** In streams to a client. */
  get streams(): number {
    const { producers, piped } = this.#counts;
    return weights.router + this.sent + producers * weights.producer + piped * weights.piped;
  }

  /** Streams that are sent to clients at a time. */
  get sent(): number {
    const { transports, consumers } = this.#counts;
    return this.#maxForwarded === 0 ? consumers : Math.min(consumers, transports * this.#maxForwarded);
  }

  /** @returns what takes it away again */
  #add(kind: 'transports' | 'producers' | 'consumers' | 'piped'): () => void {
    this.#counts[kind] += 1;
    return () => (this.#counts[kind] -= 1);
  }
}
