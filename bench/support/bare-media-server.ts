/**
 * mediasoup without a server of ours: one worker, one router, transports, producers and consumers, for clients that speak
 * to it as to ours. `node bare-media-server.ts <streams a listener> [consumers a listener]`; says its port over the channel
 * of its parent and then, asked, what it has used.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWorker } from 'mediasoup';
import type { DtlsParameters, RtpCapabilities, RtpParameters, WebRtcTransport } from 'mediasoup/types';
import { type WebSocket, WebSocketServer } from 'ws';
import { initialAvailableOutgoingBitrate, maxIncomingBitrate, mediaCodecs } from '../../src/media/codecs.ts';
import type { ServerUsage } from '../../src/cli/load-test/usage.ts';

interface Call {
  readonly id: number;
  readonly params: { readonly path: string; readonly input: { readonly json: Input } };
}

interface Input {
  readonly transportId?: string;
  readonly producerIds?: readonly string[];
  readonly consumerIds?: readonly string[];
  readonly dtlsParameters?: DtlsParameters;
  readonly rtpParameters?: RtpParameters;
  readonly rtpCapabilities?: RtpCapabilities;
}

/** Producers that reach listeners: as many as ours sends at a time. */
const streams = Number(process.argv[2]);
/** Consumers that a listener gets. */
const consumersEach = Math.max(streams, Number(process.argv[3] ?? 0));
const worker = await createWorker({ logLevel: 'error' });
const webRtcServer = await worker.createWebRtcServer({
  listenInfos: (['udp', 'tcp'] as const).map((protocol) => ({ protocol, ip: '127.0.0.1' })),
});
const router = await worker.createRouter({ mediaCodecs: [...mediaCodecs] });
const transports = new Map<string, WebRtcTransport>();
const producerIds: string[] = [];
/** Those being made included. */
let producers = 0;

async function createTransport() {
  const transport = await router.createWebRtcTransport({
    webRtcServer,
    enableUdp: true,
    enableTcp: true,
    preferUdp: true,
    initialAvailableOutgoingBitrate,
  });
  transports.set(transport.id, transport);
  const { id: transportId, iceParameters, iceCandidates, dtlsParameters } = transport;
  return { transportId, iceParameters, iceCandidates, dtlsParameters };
}

async function consume(transportId: string, wanted: readonly string[], rtpCapabilities: RtpCapabilities) {
  const consumers = wanted.map((producerId) => find(transportId).consume({ producerId, rtpCapabilities }));
  return (await Promise.all(consumers)).map(({ id: consumerId }) => ({ consumerId }));
}

async function answer(path: string, input: Input): Promise<unknown> {
  const { transportId = '', dtlsParameters, rtpParameters, rtpCapabilities } = input;
  switch (path) {
    case 'room.join': {
      const snapshot = { cursor: '0-0' };
      if (!rtpCapabilities) return { snapshot, media: null };
      const transport = await createTransport();
      const consumers = await consume(transport.transportId, producerIds.slice(0, consumersEach), rtpCapabilities);
      return { snapshot, media: { transport, consumers } };
    }
    case 'room.get':
      return { producers: producerIds.slice(0, consumersEach + 1).map((producerId) => ({ producerId })) };
    case 'media.createTransport':
      return createTransport();
    case 'media.connectTransport':
    case 'media.start':
      if (dtlsParameters) await find(transportId).connect({ dtlsParameters });
      return { resumed: input.consumerIds ?? [], failed: [] };
    case 'media.produce': {
      const transport = find(transportId);
      producers += 1;
      const paused = consumersEach > streams && producers > streams;
      await transport.setMaxIncomingBitrate(maxIncomingBitrate);
      if (!rtpParameters) throw new Error('There is nothing to produce');
      const { id: producerId } = await transport.produce({
        kind: 'audio',
        rtpParameters,
        paused,
      });
      producerIds.push(producerId);
      return { producerId };
    }
    case 'media.consume':
      if (!rtpCapabilities) throw new Error('There is nothing to consume with');
      return {
        consumers: await consume(transportId, (input.producerIds ?? []).slice(0, consumersEach), rtpCapabilities),
        failed: [],
      };
    default:
      // Seats, subscriptions, good-byes: nothing to do here.
      return null;
  }
}

function find(transportId: string): WebRtcTransport {
  const transport = transports.get(transportId);
  if (!transport) throw new Error('There is no such transport');
  return transport;
}

function serve(socket: WebSocket): void {
  socket.on('message', (data: Buffer) => {
    const { id, params } = JSON.parse(data.toString()) as Partial<Call>;
    if (id === undefined || params === undefined) return;
    void answer(params.path, params.input.json).then((json) => {
      socket.send(JSON.stringify({ id, result: { type: 'data', data: { json } } }));
    });
  });
}

async function readUsage(): Promise<ServerUsage> {
  const { user, system } = process.cpuUsage();
  const used = await worker.getResourceUsage();
  return {
    node: { cpu: user + system, memory: process.memoryUsage.rss() },
    workers: [{ cpu: (used.ru_utime + used.ru_stime) * 1_000, memory: used.ru_maxrss * 1_024 }],
  };
}

async function listen(): Promise<Server> {
  const server = createServer();
  new WebSocketServer({ server }).on('connection', serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

process.on('message', () => {
  void readUsage().then((usage) => process.send?.({ usage }));
});
process.on('disconnect', () => process.exit());
const http = await listen();
process.send?.({ port: (http.address() as AddressInfo).port });
