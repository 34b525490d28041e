import type { DtlsParameters, RtpCapabilities } from 'mediasoup/types';
import type { inferRouterOutputs } from '@trpc/server';
import type { AppRouter } from '../../routers/index.ts';
import { LightClient } from './light-client.ts';
import { assertLoopback } from './loopback.ts';
import { createSsrc, type Encoding, Microphone, sendParameters } from './microphone.ts';
import { PacketCounter } from './packet-counter.ts';
import type { Talk } from './talk.ts';
import type { DtlsCertificate } from './webrtc/certificate.ts';
import { ClientTransport, type ServerTransport } from './webrtc/client-transport.ts';

export interface MemberOptions {
  readonly url: string;
  readonly token: string;
  readonly roomId: string;
  readonly certificate: DtlsCertificate;
  /** Whether audio may be sent to other machines. */
  readonly allowRemote: boolean;
}

type Outputs = inferRouterOutputs<AppRouter>;
type ReceiveTransport = Outputs['media']['createTransport'];

/** What the SDK subscribes to, with the events missed since the snapshot. */
const loggedTopics = ['room.onEvent', 'media.onEvent', 'chat.onMessage', 'gift.onEvent'];
/** What Chromium can receive, as far as it concerns Opus. */
const rtpCapabilities: RtpCapabilities = {
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: 111,
      clockRate: 48_000,
      channels: 2,
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'transport-cc' }],
    },
  ],
  headerExtensions: [
    { kind: 'audio', uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', preferredId: 4 },
    { kind: 'audio', uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', preferredId: 2 },
    { kind: 'audio', uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', preferredId: 1 },
  ],
};

/**
 * Somebody in a room: joins as the SDK does, in two calls, and counts what is to be heard. Sends no RTCP, neither sender
 * nor receiver reports, so what the server does with those of browsers (one or two packets in 5 s each) is not measured.
 */
export class LoadMember {
  readonly #options: MemberOptions;
  readonly #client: LightClient;
  readonly #packets = new PacketCounter();
  readonly #transports: ClientTransport[] = [];
  #microphone: Microphone | undefined;
  #producerId: string | undefined;
  #lost = false;

  /** @throws Error when the connection is refused */
  static async connect(options: MemberOptions): Promise<LoadMember> {
    return new LoadMember(options, await LightClient.connect(options.url, options.token));
  }

  private constructor(options: MemberOptions, client: LightClient) {
    this.#options = options;
    this.#client = client;
    void client.closed.then(() => (this.#lost = true));
  }

  /** Connected, and all its transports answer. */
  get alive(): boolean {
    return !this.#lost && this.#transports.every(({ alive }) => alive);
  }

  get speaks(): boolean {
    return this.#microphone !== undefined;
  }

  get counts(): { readonly received: number; readonly lost: number; readonly sent: number } {
    return { ...this.#packets.counts, sent: this.#microphone?.sent ?? 0 };
  }

  /** Joins as a listener; what the room sends flows afterwards. @throws RefusedError, Error when nobody answers */
  async listen(): Promise<void> {
    const { media, snapshot } = await this.#call<Outputs['room']['join']>('room.join', { rtpCapabilities });
    if (media === null) throw new Error('The server offered no audio at the join');
    this.#subscribe(snapshot.cursor);
    await this.#receive(media.transport, media.consumers);
  }

  /** Joins, takes a seat and begins to send, without hearing anything yet. @throws as {@link listen} */
  async speak(encoding: Encoding, talk: Talk, place: number): Promise<void> {
    const { snapshot } = await this.#call<Outputs['room']['join']>('room.join', {});
    this.#subscribe(snapshot.cursor);
    await this.#call('seat.take', {});
    const offer = await this.#call<ReceiveTransport>('media.createTransport', { direction: 'send' });
    const { transportId } = offer;
    const transport = this.#open(offer);
    await Promise.all([
      this.#call('media.connectTransport', { transportId, dtlsParameters: this.#dtlsParameters }),
      transport.connect(),
    ]);
    const ssrc = createSsrc();
    const { producerId } = await this.#call<Outputs['media']['produce']>('media.produce', {
      transportId,
      rtpParameters: sendParameters(ssrc),
    });
    this.#producerId = producerId;
    this.#microphone = new Microphone(transport, ssrc, encoding, talk, place);
  }

  /** Begins to hear the other speakers, who must be there. @throws as {@link listen} */
  async hearOthers(): Promise<void> {
    const { roomId } = this.#options;
    const { producers } = await this.#client.query<Outputs['room']['get']>('room.get', { roomId });
    const transport = await this.#call<ReceiveTransport>('media.createTransport', { direction: 'receive' });
    const { transportId } = transport;
    const producerIds = producers.flatMap(({ producerId }) => (producerId === this.#producerId ? [] : [producerId]));
    if (producerIds.length === 0) return;
    const { consumers } = await this.#call<Outputs['media']['consume']>('media.consume', {
      transportId,
      producerIds,
      rtpCapabilities,
    });
    await this.#receive(transport, consumers);
  }

  /** Ends the membership. Idempotent, and never rejects. */
  async leave(): Promise<void> {
    this.#microphone?.close();
    if (!this.#lost) await this.#call('room.leave', {}).catch(() => undefined);
    this.cut();
  }

  /** Frees everything without a word to the server's rooms. */
  cut(): void {
    this.#microphone?.close();
    for (const transport of this.#transports) transport.close();
    this.#client.terminate();
  }

  get #dtlsParameters(): DtlsParameters {
    return { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: this.#options.certificate.fingerprint }] };
  }

  #call<T>(path: string, input: object): Promise<T> {
    return this.#client.mutate<T>(path, { roomId: this.#options.roomId, ...input });
  }

  #subscribe(lastEventId: string): void {
    const { roomId } = this.#options;
    for (const topic of loggedTopics) this.#client.subscribe(topic, { roomId, lastEventId }, () => undefined);
    this.#client.subscribe('room.onActivity', { roomId }, () => undefined);
  }

  async #receive(
    { transportId, ...ends }: ReceiveTransport,
    consumers: readonly { readonly consumerId: string }[],
  ): Promise<void> {
    const transport = this.#open(ends);
    const consumerIds = consumers.map(({ consumerId }) => consumerId);
    const [{ failed }] = await Promise.all([
      this.#call<Outputs['media']['start']>('media.start', {
        transportId,
        dtlsParameters: this.#dtlsParameters,
        consumerIds,
      }),
      transport.connect(),
    ]);
    if (failed.length > 0) throw new Error(`${failed.length} consumers were not resumed`);
  }

  #open(ends: ServerTransport): ClientTransport {
    const { allowRemote, certificate } = this.#options;
    if (!allowRemote) assertLoopback(ends.iceCandidates.map(({ address }) => address));
    const transport = new ClientTransport(ends, certificate, (packet) => this.#packets.count(packet));
    this.#transports.push(transport);
    return transport;
  }
}
