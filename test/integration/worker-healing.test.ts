import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askWorkers, countMediaObjects } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { dtlsParameters, opusCapabilities, rtpPacket, rtpParameters } from '../support/media.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { WebRtcPeer } from '../support/webrtc-peer.ts';

const roomCount = 20;
/** Rooms with real ICE, DTLS and SRTP; the others have the same objects in the worker and no client behind them. */
const audibleRooms = 4;
const packetMs = 20;
/** How much slower than an idle machine of two cores this one may be. */
const slowness = 3;

/** One transport of a member, made anew when the server says that its router is gone. */
abstract class Link {
  protected readonly member: TestMember;
  protected readonly real: boolean;
  #peer: WebRtcPeer | undefined;
  #routerId = '';

  constructor(member: TestMember, real: boolean) {
    this.member = member;
    this.real = real;
  }

  get routerId(): string {
    return this.#routerId;
  }

  protected get peer(): WebRtcPeer | undefined {
    return this.#peer;
  }

  async open(direction: 'send' | 'receive'): Promise<string> {
    const { trpc, roomId } = this.member;
    await this.close();
    const { transportId, routerId, ...server } = await trpc.media.createTransport.mutate({ roomId, direction });
    this.#routerId = routerId;
    const peer = this.real ? await WebRtcPeer.create(server) : undefined;
    this.#peer = peer;
    const parameters = peer?.dtlsParameters ?? dtlsParameters();
    await trpc.media.connectTransport.mutate({ roomId, transportId, dtlsParameters: parameters });
    await peer?.connect();
    return transportId;
  }

  async close(): Promise<void> {
    await this.#peer?.close();
    this.#peer = undefined;
  }
}

class Voice extends Link {
  producerId = '';
  #sequence = 0;

  async start(): Promise<void> {
    const { trpc, roomId } = this.member;
    const transportId = await this.open('send');
    const input = { roomId, transportId, rtpParameters: rtpParameters(4_711) };
    this.producerId = (await trpc.media.produce.mutate(input)).producerId;
  }

  async speak(): Promise<void> {
    const packet = { ssrc: 4_711, sequence: this.#sequence++, level: 20, payload: Buffer.from('voice') };
    // A packet into the gap is lost like any other.
    await this.peer?.sendRtp(rtpPacket(packet)).catch(() => undefined);
  }
}

class Ear extends Link {
  heardAt = 0;

  async start(producerId: string): Promise<void> {
    const { trpc, roomId } = this.member;
    const transportId = await this.open('receive');
    this.peer?.onRtp(() => (this.heardAt = performance.now()));
    const input = { roomId, transportId, producerIds: [producerId], rtpCapabilities: opusCapabilities };
    const { consumers } = await trpc.media.consume.mutate(input);
    const consumerIds = consumers.map(({ consumerId }) => consumerId);
    expect(consumerIds).toHaveLength(1);
    await trpc.media.resume.mutate({ roomId, consumerIds });
  }
}

describe('the death of one of two workers', () => {
  let server: TestServer;

  beforeEach(async () => {
    server = await startTestServer();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  async function openRoom(index: number) {
    const real = index < audibleRooms;
    const roomId = addRoom(server);
    const speaker = await enter(server, roomId);
    const listener = await enter(server, roomId, { user: server.laravel.addUser({ name: 'Giver', balance: 1_000 }) });
    await speaker.trpc.seat.take.mutate({ roomId });
    const voice = new Voice(speaker, real);
    const ear = new Ear(listener, real);
    await voice.start();
    await ear.start(voice.producerId);
    const [media, alsoMedia, chat, gifts] = await Promise.all([
      follow(listener, 'media'),
      follow(speaker, 'media'),
      follow(speaker, 'chat'),
      follow(speaker, 'gift'),
    ]);
    return { roomId, real, speaker, listener, voice, ear, media, alsoMedia, chat, gifts };
  }

  /** Says something in a room and gives something; neither has been answered when this returns. */
  function sayAndGive({ roomId, speaker, listener }: Awaited<ReturnType<typeof openRoom>>, content: string) {
    const transactionId = randomUUID();
    const recipientId = speaker.user.id;
    const answers = Promise.all([
      listener.trpc.chat.send.mutate({ roomId, content, clientMessageId: randomUUID() }),
      listener.trpc.gift.send.mutate({ roomId, transactionId, giftId: '1', recipientId }),
    ]);
    return { transactionId, answers };
  }

  it('is repaired for the rooms that were on it, and not noticed in the others', async () => {
    const rooms: Awaited<ReturnType<typeof openRoom>>[] = [];
    for (let index = 0; index < roomCount; index++) rooms.push(await openRoom(index));
    let talking = true;
    const talk = (async () => {
      for (; talking; await delay(packetMs)) await Promise.all(rooms.map(({ voice }) => voice.speak()));
    })();
    await eventually(() => {
      for (const { real, ear } of rooms) if (real) expect(ear.heardAt).toBeGreaterThan(0);
    });

    const [first] = await askWorkers(server.url, server.internalKey);
    const pid = first?.pid ?? expect.unreachable();
    const before = rooms.map((room) => sayAndGive(room, 'before'));
    await Promise.all(before.map(({ answers }) => answers));
    // Sent, and not read by the server when the worker dies.
    const meanwhile = rooms.map((room) => sayAndGive(room, 'meanwhile'));
    const diedAt = performance.now();
    process.kill(pid, 'SIGKILL');
    const workerBack = eventually(async () => {
      const [worker] = await askWorkers(server.url, server.internalKey);
      expect(worker).toMatchObject({ alive: true });
      expect(worker?.pid).not.toBe(pid);
      return performance.now() - diedAt;
    });

    // What a client does: each transport whose router is named is made anew.
    const repair = async ({ media, voice, ear }: (typeof rooms)[number]): Promise<void> => {
      const [event] = await eventually(() => {
        expect(media.of('routersReplaced')).toHaveLength(1);
        return media.of('routersReplaced');
      });
      const routerIds: readonly string[] = event?.routerIds ?? [];
      if (routerIds.includes(voice.routerId)) await voice.start();
      if (routerIds.includes(ear.routerId)) await ear.start(voice.producerId);
    };
    // A small room stays on one worker, so half of the rooms are touched.
    const touched = await eventually(() => {
      const some = rooms.filter(({ media }) => media.of('routersReplaced').length > 0);
      expect(some).toHaveLength(roomCount / 2);
      return some;
    });
    await Promise.all(touched.map(repair));
    await eventually(() => {
      for (const { real, ear } of rooms) if (real) expect(ear.heardAt).toBeGreaterThan(performance.now() - 200);
    });
    const audioBackMs = performance.now() - diedAt;
    const workerBackMs = await workerBack;
    console.log(`audio back after ${audioBackMs.toFixed(0)} ms, the worker after ${workerBackMs.toFixed(0)} ms`);
    expect(audioBackMs).toBeLessThan(slowness * 5_000);
    expect(workerBackMs).toBeLessThan(slowness * 2_000);

    const after = rooms.map((room) => sayAndGive(room, 'after'));
    await Promise.all([...meanwhile, ...after].map(({ answers }) => answers));
    for (const [index, room] of rooms.entries()) {
      const { roomId, media, alsoMedia, chat, gifts, speaker, listener, voice } = room;
      const isTouched = touched.includes(room);
      const expected = isTouched ? ['producerClosed', 'routersReplaced', 'producerOpened'] : [];
      await eventually(() => expect(alsoMedia.types()).toEqual(expected));
      expect(media.types()).toEqual(expected);
      // Everything that was said and given arrived, once.
      await eventually(() => expect(chat.of('message')).toHaveLength(3));
      const said = chat.of('message').map(({ message }) => message.content);
      expect(said.toSorted()).toEqual(['after', 'before', 'meanwhile']);
      const given = [before, meanwhile, after].map((ofRooms) => ofRooms[index]?.transactionId);
      await eventually(() => expect(gifts.events).toHaveLength(3));
      expect(
        gifts
          .of('giftReceived')
          .map(({ gift }) => gift.transactionId)
          .toSorted(),
      ).toEqual(given.toSorted());
      const ids = new Set<string | undefined>(given);
      await eventually(() => {
        const entries = server.laravel.ledger().filter(({ gift_tx_id: id }) => ids.has(id));
        expect(entries.map(({ status }) => status)).toEqual(['settled', 'settled', 'settled']);
      });
      const { seats, producers, participantCount } = await listener.trpc.room.get.query({ roomId });
      expect(seats[0]?.userId).toBe(speaker.user.id);
      expect(producers).toMatchObject([{ producerId: voice.producerId }]);
      expect(participantCount).toBe(2);
    }

    talking = false;
    await talk;
    for (const { speaker, listener, voice, ear } of rooms) {
      await Promise.all([speaker, listener].map(({ trpc, roomId }) => trpc.room.leave.mutate({ roomId })));
      await Promise.all([voice.close(), ear.close(), speaker.client.close(), listener.client.close()]);
    }
    await eventually(async () => {
      expect(await countMediaObjects(server.url, server.internalKey)).toEqual({ routers: 0, transports: 0 });
      // Nor in this process: neither a room nor what placement takes into account.
      expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'ok', rooms: 0 });
      for (const worker of await askWorkers(server.url, server.internalKey)) {
        expect(worker).toMatchObject({ routers: 0, transports: 0, consumers: 0 });
      }
    });
  }, 90_000);
});
