import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createWorker } from 'mediasoup';
import type {
  Router,
  TransportListenInfo,
  WebRtcServer,
  WebRtcTransport,
  Worker,
  WorkerLogLevel,
  WorkerSettings,
} from 'mediasoup/types';
import { initialAvailableOutgoingBitrate, mediaCodecs } from './codecs.ts';
import { watchesPerWorker } from './onset-watch.ts';
import { Quota } from './quota.ts';
import { RouterLoad } from './router-load.ts';
import { udpBuffers } from './udp-buffers.ts';

/** Where clients reach the workers. Exactly one of the two ways. */
export type ListenOptions =
  | {
      /** One UDP and one TCP port a worker: `basePort` + the worker's index; 0 takes any free ports. */
      readonly webRtcServer: { readonly addresses: readonly ListenAddress[]; readonly basePort: number };
      readonly portRange?: undefined;
    }
  | {
      /** One UDP and one TCP port a transport, out of a range (both ends included). */
      readonly portRange: {
        readonly addresses: readonly ListenAddress[];
        readonly minPort: number;
        readonly maxPort: number;
      };
      readonly webRtcServer?: undefined;
    };

/** An address of this machine; an IPv6 one, `::` too, takes IPv6 alone. */
export interface ListenAddress {
  readonly listenIp: string;
  /** IP address or host name that clients are told instead of `listenIp`. */
  readonly announcedAddress?: string | null;
}

export interface MediaWorkerOptions {
  readonly index: number;
  readonly listen: ListenOptions;
  readonly logLevel: WorkerLogLevel;
  /** Streams that are sent at a time to each client, however many it consumes; 0 or left out: all. */
  readonly maxForwarded?: number;
  /** How long a client's path may be silent before it counts as lost, s. */
  readonly iceConsentSeconds: number;
  /** Called once when the process ends without having been closed. */
  readonly onDied: (error: Error) => void;
}

/** What a worker holds now. */
export interface WorkerCounts {
  readonly routers: number;
  readonly transports: number;
  readonly consumers: number;
}

/** How long a closed worker process may take to end by itself, in ms. */
const exitTimeout = 2_000;
/** Between two looks for an answer, in ms. */
const answerStep = 50;
/** Linux tells CPU time in hundredths of a second (USER_HZ), whatever its own clock is. */
const msPerTick = 10;

/** One mediasoup worker process with its listening ports. */
export class MediaWorker {
  readonly index: number;
  /** Producers that Node.js may watch for their onset. */
  readonly onsetWatches = new Quota(watchesPerWorker);
  readonly #worker: Worker;
  readonly #listen: { webRtcServer: WebRtcServer } | { listenInfos: TransportListenInfo[] };
  readonly #counts = { routers: 0, transports: 0, consumers: 0 };
  /** By router id. */
  readonly #loads = new Map<string, RouterLoad>();
  readonly #maxForwarded: number;
  readonly #iceConsentSeconds: number;
  #startingRouters = 0;

  /**
   * Starts the process and binds its ports.
   *
   * @throws Error when the process does not start or a port is taken
   */
  static async start(options: MediaWorkerOptions): Promise<MediaWorker> {
    const worker = await createWorkerWithoutSignalHandlers({ logLevel: options.logLevel });
    try {
      const listen = await prepareListening(worker, options);
      if (worker.died) throw new Error(`worker ${options.index} died while it was being started`);
      worker.once('died', options.onDied);
      return new MediaWorker(options, worker, listen);
    } catch (error) {
      await closeWorker(worker);
      throw error;
    }
  }

  private constructor(
    { index, maxForwarded = 0, iceConsentSeconds }: MediaWorkerOptions,
    worker: Worker,
    listen: { webRtcServer: WebRtcServer } | { listenInfos: TransportListenInfo[] },
  ) {
    this.index = index;
    this.#maxForwarded = maxForwarded;
    this.#iceConsentSeconds = iceConsentSeconds;
    this.#worker = worker;
    this.#listen = listen;
    this.#count();
  }

  get pid(): number {
    return this.#worker.pid;
  }

  /** False once the process has died or been closed. */
  get alive(): boolean {
    return !this.#worker.closed;
  }

  get counts(): WorkerCounts {
    return { ...this.#counts };
  }

  /** Routers, those being opened included. */
  get routers(): number {
    return this.#counts.routers + this.#startingRouters;
  }

  /** How much work all routers make, in streams that are sent to a client; what placement compares. */
  get load(): number {
    let load = this.#startingRouters;
    for (const { streams } of this.#loads.values()) load += streams;
    return load;
  }

  /** Streams that one of the routers sends to clients at a time; 0 when it is not of this worker. */
  sentBy(routerId: string): number {
    return this.#loads.get(routerId)?.sent ?? 0;
  }

  /** A router with the product's codecs. It counts as load from the call on, not only once it exists. */
  async createRouter(): Promise<Router> {
    this.#startingRouters++;
    try {
      return await this.#worker.createRouter({ mediaCodecs: [...mediaCodecs] });
    } finally {
      this.#startingRouters--;
    }
  }

  /** A client's transport on one of this worker's routers, over UDP and, where that is blocked, TCP. */
  createWebRtcTransport(router: Router): Promise<WebRtcTransport> {
    return router.createWebRtcTransport({
      ...this.#listen,
      enableUdp: true,
      enableTcp: true,
      preferUdp: true,
      initialAvailableOutgoingBitrate,
      iceConsentTimeout: this.#iceConsentSeconds,
    });
  }

  /**
   * Whether the process answers a question within a time.
   *
   * The time is counted in steps of this process's own event loop: while that stands still, answers cannot be read.
   */
  async answers(withinMs: number): Promise<boolean> {
    let settled = false;
    const settle = (): void => void (settled = true);
    // A refusal is an answer too; the pool learns of a death by itself.
    this.#worker.getResourceUsage().then(settle, settle);
    for (let waited = 0; waited < withinMs && !settled; waited += answerStep) await delay(answerStep);
    return settled;
  }

  /**
   * @returns CPU time of the process since it started, in ms, as the system counts it; undefined where it does not say so
   *   without asking the process itself, which is everywhere but on Linux
   */
  async cpuMs(): Promise<number | undefined> {
    const stat = await readFile(`/proc/${this.#worker.pid}/stat`, 'utf8').catch(() => undefined);
    // The name of the process, in parentheses, may hold anything; fields 14 and 15 are user and system time (proc(5)).
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields && (Number(fields[11]) + Number(fields[12])) * msPerTick;
  }

  /** Ends the process at once; the pool learns of it as of a death. */
  kill(): void {
    kill(this.#worker.pid);
  }

  /** CPU time in ms and the peak resident set size in KiB, since the process started. */
  async usage(): Promise<{ cpu: { user: number; system: number }; maxRss: number }> {
    const usage = await this.#worker.getResourceUsage();
    return { cpu: { user: usage.ru_utime, system: usage.ru_stime }, maxRss: usage.ru_maxrss };
  }

  /** What the process itself says it holds. */
  async dump(): Promise<{ routers: number; webRtcServers: number; webRtcTransports: number }> {
    const dump = await this.#worker.dump();
    const server = 'webRtcServer' in this.#listen ? await this.#listen.webRtcServer.dump() : undefined;
    return {
      routers: dump.routerIds.length,
      webRtcServers: dump.webRtcServerIds.length,
      webRtcTransports: server?.webRtcTransportIds.length ?? 0,
    };
  }

  /** Ends the process and everything in it; waits until it is gone. */
  close(): Promise<void> {
    return closeWorker(this.#worker);
  }

  /** mediasoup's observers see every object however it was made and however it ended. */
  #count(): void {
    const track = (kind: keyof WorkerCounts, observer: { once(event: 'close', listener: () => void): unknown }) => {
      this.#counts[kind]++;
      observer.once('close', () => this.#counts[kind]--);
    };
    this.#worker.observer.on('newrouter', (router) => {
      track('routers', router.observer);
      const load = new RouterLoad(router, this.#maxForwarded);
      this.#loads.set(router.id, load);
      router.observer.once('close', () => this.#loads.delete(router.id));
      router.observer.on('newtransport', (transport) => {
        track('transports', transport.observer);
        transport.observer.on('newconsumer', (consumer) => track('consumers', consumer.observer));
      });
    });
  }
}

/**
 * mediasoup closes a worker at SIGTERM and SIGINT of this process. The application drains rooms first and closes workers
 * itself, so exactly those listeners are taken away again.
 */
function createWorkerWithoutSignalHandlers(settings: WorkerSettings): Promise<Worker> {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const before = signals.map((signal) => new Set(process.listeners(signal)));
  // Its constructor adds the listeners before createWorker() first gives way.
  const worker = createWorker(settings);
  signals.forEach((signal, index) => {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.has(listener)) process.removeListener(signal, listener);
    }
  });
  return worker;
}

async function prepareListening(
  worker: Worker,
  { index, listen }: MediaWorkerOptions,
): Promise<{ webRtcServer: WebRtcServer } | { listenInfos: TransportListenInfo[] }> {
  const { addresses } = listen.webRtcServer ?? listen.portRange;
  const infos = (port: Pick<TransportListenInfo, 'port' | 'portRange'>): TransportListenInfo[] =>
    addresses.flatMap(({ listenIp, announcedAddress }) =>
      (['udp', 'tcp'] as const).map((protocol) => ({
        protocol,
        ip: listenIp,
        ...(announcedAddress ? { announcedAddress } : {}),
        ...(isIPv6(listenIp) ? { flags: { ipv6Only: true } } : {}),
        ...port,
        ...(protocol === 'udp' ? udpBuffers : {}),
      })),
    );

  if (listen.portRange) {
    return { listenInfos: infos({ portRange: { min: listen.portRange.minPort, max: listen.portRange.maxPort } }) };
  }
  const { basePort } = listen.webRtcServer;
  const port = basePort === 0 ? undefined : basePort + index;
  try {
    return {
      webRtcServer: await worker.createWebRtcServer({ listenInfos: infos(port === undefined ? {} : { port }) }),
    };
  } catch (error) {
    throw new Error(
      `worker ${index} cannot listen on ${addresses.map(({ listenIp }) => listenIp).join(' and ')}, UDP and TCP port ${port ?? '(any)'}`,
      {
        cause: error,
      },
    );
  }
}

async function closeWorker(worker: Worker): Promise<void> {
  if (worker.subprocessClosed) return;
  const ended = new Promise<void>((resolve) => worker.once('subprocessclose', resolve));
  worker.close();
  // A frozen process never reads the order to close.
  const timer = setTimeout(() => {
    kill(worker.pid);
  }, exitTimeout);
  await ended;
  clearTimeout(timer);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}
