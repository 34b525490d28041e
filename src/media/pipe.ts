import type { Consumer, PipeTransport, Producer, Router, TransportListenInfo } from 'mediasoup/types';
import { AppError } from '../core/errors.ts';
import { pipePorts } from '../core/pipe-ports.ts';
import { udpBuffers } from './udp-buffers.ts';

/** Pipes of one node stay on the loopback. */
const loopback: TransportListenInfo = {
  protocol: 'udp',
  ip: '127.0.0.1',
  portRange: pipePorts,
  ...udpBuffers,
};

/** A producer as it arrives at the far end of a pipe. */
export interface PipedProducer {
  readonly producer: Producer;
  /** Whether its packets are kept from the pipe; without effect once it is closed. */
  hold(held: boolean): void;
}

/**
 * A one-way connection between two routers, on one worker or on two, that carries any number of producers.
 *
 * A forwarded producer gets an id of its own on the far router, since two routers of one worker cannot share an id.
 */
export class RouterPipe {
  readonly #near: PipeTransport;
  readonly #far: PipeTransport;

  /**
   * Connects `from` to `to`.
   *
   * @throws mediasoup's error; nothing is left then
   */
  static async open(from: Router, to: Router): Promise<RouterPipe> {
    const made = await Promise.allSettled(
      [from, to].map((router) => router.createPipeTransport({ listenInfo: loopback })),
    );
    const transports = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    try {
      const [near, far] = transports;
      if (!near || !far) throw made.find((result) => result.status === 'rejected')?.reason;
      await Promise.all([connect(near, far), connect(far, near)]);
      if (from.closed || to.closed) throw new AppError('MEDIA_UNAVAILABLE');
      return new RouterPipe(near, far);
    } catch (error) {
      for (const transport of transports) transport.close();
      throw error;
    }
  }

  private constructor(near: PipeTransport, far: PipeTransport) {
    this.#near = near;
    this.#far = far;
    near.observer.once('close', () => far.close());
    far.observer.once('close', () => near.close());
  }

  get closed(): boolean {
    return this.#near.closed;
  }

  /**
   * Carries `producer` to the far router. The far one follows the near one's pause, resume and close.
   *
   * @throws mediasoup's error, or AppError `MEDIA_UNAVAILABLE` when pipe or producer was closed meanwhile; nothing is
   *   left then
   */
  async forward(producer: Producer): Promise<PipedProducer> {
    const consumer = await this.#near.consume({ producerId: producer.id });
    let forwarded: Producer | undefined;
    try {
      forwarded = await this.#far.produce({
        kind: consumer.kind,
        rtpParameters: consumer.rtpParameters,
        paused: consumer.producerPaused,
      });
      if (this.closed || consumer.closed) throw new AppError('MEDIA_UNAVAILABLE');
    } catch (error) {
      consumer.close();
      forwarded?.close();
      throw error;
    }
    link(consumer, forwarded);
    // What was asked for last; `consumer.paused` follows only when the worker has answered.
    let held = false;
    return {
      producer: forwarded,
      hold: (hold) => {
        if (consumer.closed || held === hold) return;
        held = hold;
        // A refusal means that the consumer was closed; the channel keeps pauses and resumes in order.
        (hold ? consumer.pause() : consumer.resume()).catch(() => undefined);
      },
    };
  }

  close(): void {
    this.#near.close();
  }
}

function connect(transport: PipeTransport, peer: PipeTransport): Promise<void> {
  return transport.connect({ ip: peer.tuple.localAddress, port: peer.tuple.localPort });
}

/**
 * Only the speaker's own mute is followed (`producerpause`), not a pause of the pipe consumer: pausing that one silences a
 * whole router without a notification for each of its consumers.
 */
function link(consumer: Consumer, forwarded: Producer): void {
  const follow = () => {
    // A refusal means that the far producer was closed; the channel keeps pauses and resumes in order.
    (consumer.producerPaused ? forwarded.pause() : forwarded.resume()).catch(() => undefined);
  };
  consumer.on('producerpause', follow);
  consumer.on('producerresume', follow);
  consumer.observer.once('close', () => forwarded.close());
  forwarded.observer.once('close', () => consumer.close());
  if (consumer.producerPaused !== forwarded.paused) follow();
}
