import { eventIdOf, LightClient } from '../../src/cli/load-test/light-client.ts';
import { compareEventIds } from '../../src/core/ids.ts';
import { openSocketIo, openWs, type PlainClient } from './plain-clients.ts';

/** A client that can lose its connection and come back. */
export interface StormClient {
  /** Settles when events are delivered (again). */
  connect(): Promise<void>;
  /** Ends the TCP connection, if there is one. */
  terminate(): void;
  /** @param events - ids of all that were published, oldest first */
  losses(events: readonly string[]): Losses;
}

/** How what a client received differs from what was published. */
export interface Losses {
  readonly missing: number;
  readonly duplicates: number;
  readonly disordered: number;
  readonly resyncs: number;
}

/** Joins with its session and resumes its subscriptions, as the SDK does; remembers which gifts arrived. */
export class ResumingClient implements StormClient {
  readonly #received: string[] = [];
  #start = '';
  #resyncs = 0;
  #client: LightClient | null = null;
  #sessionId: string | null = null;
  #cursor = '';
  /** By path; null before the first event. */
  readonly #quietCursors = new Map<string, string | null>([
    ['room.onEvent', null],
    ['media.onEvent', null],
    ['chat.onMessage', null],
  ]);
  readonly #url: string;
  readonly #token: string;
  readonly #roomId: string;

  constructor(url: string, token: string, roomId: string) {
    this.#url = url;
    this.#token = token;
    this.#roomId = roomId;
  }

  async connect(): Promise<void> {
    const roomId = this.#roomId;
    const client = await LightClient.connect(this.#url, this.#token);
    this.#client = client;
    const session = this.#sessionId === null ? {} : { sessionId: this.#sessionId };
    const joined = await client.mutate<{ sessionId: string; snapshot: { cursor: string } }>('room.join', {
      roomId,
      ...session,
    });
    if (this.#sessionId === null) {
      this.#sessionId = joined.sessionId;
      this.#cursor = this.#start = joined.snapshot.cursor;
    }
    client.subscribe('room.onActivity', { roomId }, () => undefined);
    for (const [path, cursor] of this.#quietCursors) {
      client.subscribe(path, { roomId, lastEventId: cursor ?? this.#start }, (message) => {
        if (message.includes('"type":"resync"')) this.#resyncs += 1;
        this.#quietCursors.set(path, eventIdOf(message) ?? cursor);
      });
    }
    await new Promise<void>((resolve) => {
      client.subscribe('gift.onEvent', { roomId, lastEventId: this.#cursor }, (message) => {
        const id = eventIdOf(message);
        if (id === null) return;
        this.#cursor = id;
        if (message.includes('"type":"subscribed"')) return resolve();
        this.#received.push(id);
      });
    });
  }

  terminate(): void {
    this.#client?.terminate();
  }

  losses(events: readonly string[]): Losses {
    const received = this.#received;
    const distinct = new Set(received);
    return {
      missing: events.filter((id) => compareEventIds(id, this.#start) > 0 && !distinct.has(id)).length,
      duplicates: received.length - distinct.size,
      disordered: received.filter((id, n) => n > 0 && compareEventIds(id, received[n - 1] ?? '') < 0).length,
      resyncs: this.#resyncs,
    };
  }
}

/** A client of a plain contestant: nothing is replayed to it, so it only counts. */
export class ForgetfulClient implements StormClient {
  readonly #open: () => Promise<PlainClient>;
  #client: PlainClient | null = null;
  #received = 0;

  constructor(protocol: 'ws' | 'socket.io', url: string) {
    const open = protocol === 'ws' ? openWs : openSocketIo;
    this.#open = () => open(url, () => (this.#received += 1));
  }

  async connect(): Promise<void> {
    this.#client = await this.#open();
  }

  terminate(): void {
    this.#client?.terminate();
  }

  losses(events: readonly string[]): Losses {
    return { missing: events.length - this.#received, duplicates: 0, disordered: 0, resyncs: 0 };
  }
}
