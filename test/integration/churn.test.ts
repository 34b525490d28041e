import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import superjson from 'superjson';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { topicSchemas } from '../../src/core/events.ts';
import { compareEventIds, roomIdSchema, userIdSchema } from '../../src/core/ids.ts';
import type { AppRouter } from '../../src/routers/index.ts';
import { roomEventsKey } from '../../src/services/redis/keys.ts';
import { Scripts } from '../../src/services/redis/scripts.ts';
import { RoomStore } from '../../src/services/room-store.ts';
import { toRefusal } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startLaggingRedis } from '../support/lagging-redis.ts';
import { addRoom, enter } from '../support/members.ts';
import { startTestServer } from '../support/server.ts';

/** How long the churn lasts at least, s; the long form is `CHURN_SECONDS=120 npx vitest run test/integration/churn`. */
const churnSeconds = Number(process.env['CHURN_SECONDS'] ?? 6);
/** The test is worth something only when this much has happened; a slow machine gets this much longer for it, s. */
const leastEvents = churnSeconds * 170;
const leastResumptions = churnSeconds * 15;
const extraSeconds = churnSeconds * 6;
const clientCount = 40;
const giftsAtOnce = 8;
const eventLogLength = 100_000;
/** So few that whoever was away for a moment must read from Redis. */
const ringLength = 8;

const topics = ['room', 'media', 'chat', 'gift'] as const;
type FollowedTopic = (typeof topics)[number];

/** A stock client that roams between servers and resumes every topic by its cursor, as the SDK does. */
class Roamer {
  readonly userId: number;
  /** Position from which on everything is expected. */
  readonly start: string;
  readonly received: Record<FollowedTopic, string[]> = { room: [], media: [], chat: [], gift: [] };
  readonly cursors: Record<FollowedTopic, string>;
  resyncs = 0;
  /** Subscriptions that the server has continued. */
  resumptions = 0;
  /** What happened lately, oldest first: says which step a client that did not come back is at. */
  readonly #journal: string[] = [];
  readonly #roomId: string;
  readonly #sessionId: string;
  readonly #ws: ReturnType<typeof createWSClient>;
  readonly #trpc: ReturnType<typeof createTRPCClient<AppRouter>>;
  #socket: WebSocket | null = null;
  #stopped = false;
  #joining: Promise<unknown> | null = null;

  constructor(
    urls: readonly string[],
    user: { id: number; token: string },
    joined: { roomId: string; sessionId: string; cursor: string },
  ) {
    this.userId = user.id;
    this.#roomId = joined.roomId;
    this.#sessionId = joined.sessionId;
    this.start = joined.cursor;
    const { cursor } = joined;
    this.cursors = { room: cursor, media: cursor, chat: cursor, gift: cursor };
    const onDial = (socket: WebSocket): void => {
      this.#socket = socket;
      this.#joining = null;
      this.#note(`dials ${socket.url}`);
      socket.on('open', () => this.#note('socket open'));
      socket.on('close', (code) => this.#note(`socket closed ${code}`));
      socket.on('error', ({ message }) => this.#note(`socket failed: ${message}`));
    };
    class ClientSocket extends WebSocket {
      constructor(address: string) {
        super(address);
        onDial(this);
      }
    }
    this.#ws = createWSClient({
      url: () => `${urls[randomInt(urls.length)]?.replace(/^http/, 'ws')}/trpc`,
      connectionParams: { token: user.token },
      // Mostly a moment, sometimes long enough to miss more than a page of the log.
      retryDelayMs: () => (randomInt(10) === 0 ? randomInt(1_500) : randomInt(150)),
      WebSocket: ClientSocket as unknown as typeof globalThis.WebSocket,
    });
    this.#trpc = createTRPCClient<AppRouter>({ links: [wsLink({ client: this.#ws, transformer: superjson })] });
    for (const topic of topics) void this.#follow(topic);
  }

  /** Where it is now, and what led there. */
  get history(): string {
    const { state } = this.#ws.connectionState.get();
    return [...this.#journal, `now: socket ${this.#socket?.readyState}, client ${state}`].join('\n  ');
  }

  /** Ends the TCP connection, as a lost network does. */
  cut(): void {
    this.#note('cut');
    this.#socket?.terminate();
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#ws.close();
  }

  /** Joins and subscribes; when a new connection refuses the resumed subscription, once more. */
  async #follow(topic: FollowedTopic): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#joining ??= this.#trpc.room.join.mutate({ roomId: this.#roomId, sessionId: this.#sessionId });
        this.#note(`${topic}: joins`);
        await this.#joining;
        this.#note(`${topic}: subscribes`);
        await this.#subscribe(topic);
      } catch (error) {
        this.#note(`${topic}: ${toRefusal(error)?.code ?? String(error)}`);
        this.#joining = null;
        await sleep(5);
      }
    }
  }

  #note(what: string): void {
    this.#journal.push(`${new Date().toISOString().slice(17, 23)} ${what}`);
    if (this.#journal.length > 40) this.#journal.shift();
  }

  /** Rejects when the subscription is refused or its connection ends for good. */
  #subscribe(topic: FollowedTopic): Promise<never> {
    const { room, media, chat, gift } = this.#trpc;
    const procedures = { room: room.onEvent, media: media.onEvent, chat: chat.onMessage, gift: gift.onEvent };
    // Only ids and control events are looked at, which all topics have alike.
    const procedure = procedures[topic] as typeof room.onEvent;
    // A later one only moves the cursor.
    let resumed = false;
    return new Promise((_, reject) => {
      procedure.subscribe(
        { roomId: this.#roomId, lastEventId: this.cursors[topic] },
        {
          onData: ({ id, data }) => {
            if (data.type === 'resync') this.resyncs += 1;
            else if (data.type === 'subscribed') {
              if (!resumed) this.resumptions += 1;
              resumed = true;
              this.#note(`${topic}: subscribed from ${id}`);
            } else this.received[topic].push(id);
            this.cursors[topic] = id;
          },
          onError: reject,
          onComplete: () => reject(new Error('The subscription ended')),
        },
      );
    });
  }
}

describe('clients that come and go', () => {
  it(
    'see every event once and in order, on whichever of two server processes that read late',
    async () => {
      await using server = await startTestServer({
        env: {
          ROOM_EVENT_LOG_LENGTH: String(eventLogLength),
          RATE_LIMIT_MESSAGES_PER_MINUTE: '100000',
          RATE_LIMIT_CALLS_PER_SECOND: '1000',
          MEDIASOUP_WORKERS: '1',
        },
      });
      await using stack = new AsyncDisposableStack();

      async function startNode(lagMs: () => number): Promise<string> {
        const lagging = stack.use(await startLaggingRedis(server.redis, lagMs));
        const node = await server.startProcess(
          { REDIS_HOST: lagging.host, REDIS_PORT: String(lagging.port) },
          { entry: 'test/support/server-main.ts', args: [String(ringLength)] },
        );
        stack.defer(() => node.kill());
        return node.url;
      }
      const urls = await Promise.all([startNode(() => randomInt(30)), startNode(() => randomInt(300))]);

      const roomId = addRoom(server);
      await using speaker = await enter(server, roomId);
      const roamers: Roamer[] = [];
      for (let n = 0; n < clientCount; n += 1) {
        const user = server.laravel.addUser({ name: `Roamer ${n}` });
        const member = await enter(server, roomId, { user });
        const { sessionId, snapshot } = member.joined;
        member.client.cut();
        const roamer = new Roamer(urls, user, { roomId, sessionId, cursor: snapshot.cursor });
        stack.defer(() => roamer.close());
        roamers.push(roamer);
      }

      const scripts = new Scripts(server.store, eventLogLength);
      const store = new RoomStore(server.store, scripts);
      const room = roomIdSchema.parse(roomId);
      const end = performance.now() + churnSeconds * 1_000;
      let events = 0;
      const resumptions = (): number => roamers.reduce((sum, roamer) => sum + roamer.resumptions, 0);
      const churns = (): boolean => {
        const enough = events >= leastEvents && resumptions() >= leastResumptions;
        return performance.now() < (enough ? end : end + extraSeconds * 1_000);
      };
      const announceGift = (): Promise<void> => {
        const recipient = randomInt(2) === 0 ? null : userIdSchema.parse(roamers[randomInt(clientCount)]?.userId);
        const event = { type: 'giftWithdrawn', transactionId: randomUUID() };
        return store.announceGift(room, recipient, JSON.stringify(topicSchemas.gift.parse(event)));
      };
      const whileChurning = async (everyMs: number, act: () => unknown): Promise<void> => {
        while (churns()) {
          await act();
          await sleep(everyMs);
        }
      };
      await Promise.all([
        whileChurning(2, async () => {
          await speaker.trpc.chat.send.mutate({ roomId, content: `Message ${randomUUID()}` });
          events += 1;
        }),
        whileChurning(20, async () => {
          await Promise.all(Array.from({ length: giftsAtOnce }, () => announceGift()));
          events += giftsAtOnce;
        }),
        whileChurning(20, () => roamers[randomInt(clientCount)]?.cut()),
      ]);

      const log = await server.store.xrange(roomEventsKey(room), '-', '+');
      const last = log.at(-1)?.[0] ?? '';
      const expectedOf = ({ userId, start }: Roamer, topic: FollowedTopic): string[] =>
        log
          .filter(([id, [, ofTopic, , recipient = '']]) => {
            return ofTopic === topic && ['-', String(userId)].includes(recipient) && compareEventIds(id, start) > 0;
          })
          .map(([id]) => id);
      // Once, and with pauses: what the servers say to Redis goes through this process, and times out while it computes.
      const expected = new Map<Roamer, Record<FollowedTopic, string[]>>();
      for (const roamer of roamers) {
        const [room, media] = [expectedOf(roamer, 'room'), expectedOf(roamer, 'media')];
        expected.set(roamer, { room, media, chat: expectedOf(roamer, 'chat'), gift: expectedOf(roamer, 'gift') });
        await sleep(5);
      }
      // Events go on after the log was read, as members come back.
      const receivedOf = ({ received }: Roamer, topic: FollowedTopic): string[] =>
        received[topic].filter((id) => compareEventIds(id, last) <= 0);

      await eventually(() => {
        for (const [roamer, wanted] of expected) {
          for (const topic of topics)
            expect(roamer.received[topic].length).toBeGreaterThanOrEqual(wanted[topic].length);
        }
      }, 20_000).catch(() => undefined);
      for (const [n, roamer] of roamers.entries()) {
        for (const topic of topics) {
          const wanted = expected.get(roamer)?.[topic] ?? expect.unreachable();
          const seen = receivedOf(roamer, topic);
          const known = new Set(seen);
          const missing = wanted.flatMap((id, index) => (known.has(id) ? [] : [index]));
          // Whether a hole or the end is missing tells a lost event from a client that did not come back.
          const where = `${missing.length} missing of ${wanted.length}, from ${missing[0]} to ${missing.at(-1)}`;
          expect(seen, `${topic} of client ${n}: ${where}\n  ${roamer.history}`).toEqual(wanted);
        }
        expect(roamer.resyncs, `resyncs of client ${n}`).toBe(0);
      }
      expect(events).toBeGreaterThanOrEqual(leastEvents);
      expect(resumptions()).toBeGreaterThanOrEqual(leastResumptions);
      process.stdout.write(`${clientCount} clients, ${log.length} events, ${resumptions()} resumptions\n`);
    },
    (churnSeconds + extraSeconds + 60) * 1_000,
  );
});
