import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appRouter } from '../../src/routers/index.ts';
import { countMediaObjects } from '../support/admin.ts';
import { refusalOf } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { follow } from '../support/follow.ts';
import { dtlsParameters, opusCapabilities, rtpParameters } from '../support/media.ts';
import { addRoom, enter, type TestMember } from '../support/members.ts';
import { inputKeys } from '../support/procedures.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

/** A member on a seat who sends and receives. */
interface Speaker {
  readonly member: TestMember;
  readonly sendId: string;
  readonly receiveId: string;
  readonly producerId: string;
}

async function speak(member: TestMember): Promise<Speaker> {
  const { trpc, roomId } = member;
  await trpc.seat.take.mutate({ roomId });
  const send = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
  const receive = await trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
  const sendId = send.transportId;
  const { producerId } = await trpc.media.produce.mutate({
    roomId,
    transportId: sendId,
    rtpParameters: rtpParameters(),
  });
  return { member, sendId, receiveId: receive.transportId, producerId };
}

describe('media calls', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({ env: { ROOM_GRACE_SECONDS: '1' } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('need a membership', async () => {
    const roomId = addRoom(server);
    await using owner = await enter(server, roomId);
    await using stranger = await enter(server, addRoom(server));
    const { media } = stranger.trpc;
    const transportId = randomUUID();
    const producerId = randomUUID();
    for (const call of [
      media.createTransport.mutate({ roomId, direction: 'receive' }),
      media.connectTransport.mutate({ roomId, transportId, dtlsParameters: dtlsParameters() }),
      media.restartIce.mutate({ roomId, transportId }),
      media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters() }),
      media.pauseProducer.mutate({ roomId, producerId }),
      media.resumeProducer.mutate({ roomId, producerId }),
      media.closeProducer.mutate({ roomId, producerId }),
      media.consume.mutate({ roomId, transportId, producerIds: [producerId], rtpCapabilities: opusCapabilities }),
      media.resume.mutate({ roomId, consumerIds: [producerId] }),
      media.start.mutate({ roomId, transportId, dtlsParameters: dtlsParameters(), consumerIds: [producerId] }),
    ]) {
      expect(await refusalOf(call)).toBe('NOT_IN_ROOM');
    }
    await owner.trpc.room.leave.mutate({ roomId });
  });

  it('that send need a seat', async () => {
    await using member = await enter(server, addRoom(server));
    const { roomId, trpc } = member;
    expect(await refusalOf(trpc.media.createTransport.mutate({ roomId, direction: 'send' }))).toBe('NOT_SEATED');
    await trpc.seat.take.mutate({ roomId });
    const { transportId } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
    await trpc.seat.leave.mutate({ roomId });
    const produce = trpc.media.produce.mutate({ roomId, transportId, rtpParameters: rtpParameters() });
    expect(await refusalOf(produce)).toBe('NOT_SEATED');
  });

  it('take a speaker from the first transport to a listener who resumes, and tell the room', async () => {
    const roomId = addRoom(server);
    await using listener = await enter(server, roomId);
    using media = await follow(listener, 'media');
    await using speaker = await enter(server, roomId);
    const { sendId, producerId } = await speak(speaker);
    await speaker.trpc.media.connectTransport.mutate({ roomId, transportId: sendId, dtlsParameters: dtlsParameters() });
    const { trpc } = listener;
    const { transportId } = await trpc.media.createTransport.mutate({ roomId, direction: 'receive' });
    const rtpCapabilities = opusCapabilities;
    const unknown = randomUUID();
    const { consumers, failed } = await trpc.media.consume.mutate({
      roomId,
      transportId,
      producerIds: [producerId, unknown],
      rtpCapabilities,
    });
    expect(consumers).toMatchObject([{ producerId }]);
    expect(failed).toEqual([{ producerId: unknown, code: 'PRODUCER_NOT_FOUND' }]);
    const consumerIds = consumers.map(({ consumerId }) => consumerId);
    expect(await trpc.media.resume.mutate({ roomId, consumerIds })).toEqual({ resumed: consumerIds, failed: [] });

    await speaker.trpc.media.pauseProducer.mutate({ roomId, producerId });
    await speaker.trpc.media.pauseProducer.mutate({ roomId, producerId });
    expect((await trpc.room.get.query({ roomId })).producers).toMatchObject([{ producerId, paused: true }]);
    await speaker.trpc.media.resumeProducer.mutate({ roomId, producerId });
    await speaker.trpc.media.closeProducer.mutate({ roomId, producerId });
    await eventually(() =>
      expect(media.types()).toEqual(['producerOpened', 'producerPaused', 'producerResumed', 'producerClosed']),
    );
    expect(media.of('producerOpened')[0]?.producer).toEqual({
      producerId,
      userId: speaker.user.id,
      source: 'microphone',
      paused: false,
    });
    expect((await trpc.room.get.query({ roomId })).producers).toEqual([]);
  });

  describe("that name somebody else's object", () => {
    let owner: Speaker;
    let thief: Speaker;
    let consumerId: string;

    beforeAll(async () => {
      const roomId = addRoom(server);
      owner = await speak(await enter(server, roomId));
      thief = await speak(await enter(server, roomId));
      const { consumers } = await owner.member.trpc.media.consume.mutate({
        roomId,
        transportId: owner.receiveId,
        producerIds: [thief.producerId],
        rtpCapabilities: opusCapabilities,
      });
      consumerId = consumers[0]?.consumerId ?? expect.unreachable();
    });
    afterAll(async () => {
      await owner.member.client.close();
      await thief.member.client.close();
    });

    /** The thief's calls with the owner's ids, by procedure. */
    const thefts: Record<string, () => Promise<void>> = {
      connectTransport: async () => {
        for (const transportId of [owner.sendId, owner.receiveId]) {
          const input = { roomId: owner.member.roomId, transportId, dtlsParameters: dtlsParameters() };
          expect(await refusalOf(thief.member.trpc.media.connectTransport.mutate(input))).toBe('TRANSPORT_NOT_FOUND');
        }
      },
      restartIce: async () => {
        for (const transportId of [owner.sendId, owner.receiveId]) {
          const input = { roomId: owner.member.roomId, transportId };
          expect(await refusalOf(thief.member.trpc.media.restartIce.mutate(input))).toBe('TRANSPORT_NOT_FOUND');
        }
      },
      produce: async () => {
        const input = { roomId: owner.member.roomId, transportId: owner.sendId, rtpParameters: rtpParameters() };
        expect(await refusalOf(thief.member.trpc.media.produce.mutate(input))).toBe('TRANSPORT_NOT_FOUND');
      },
      pauseProducer: async () => {
        const input = { roomId: owner.member.roomId, producerId: owner.producerId };
        expect(await refusalOf(thief.member.trpc.media.pauseProducer.mutate(input))).toBe('PRODUCER_NOT_FOUND');
      },
      resumeProducer: async () => {
        const input = { roomId: owner.member.roomId, producerId: owner.producerId };
        expect(await refusalOf(thief.member.trpc.media.resumeProducer.mutate(input))).toBe('PRODUCER_NOT_FOUND');
      },
      closeProducer: async () => {
        const input = { roomId: owner.member.roomId, producerId: owner.producerId };
        expect(await refusalOf(thief.member.trpc.media.closeProducer.mutate(input))).toBe('PRODUCER_NOT_FOUND');
      },
      consume: async () => {
        const input = {
          roomId: owner.member.roomId,
          transportId: owner.receiveId,
          producerIds: [owner.producerId],
          rtpCapabilities: opusCapabilities,
        };
        expect(await refusalOf(thief.member.trpc.media.consume.mutate(input))).toBe('TRANSPORT_NOT_FOUND');
      },
      start: async () => {
        const input = { roomId: owner.member.roomId, dtlsParameters: dtlsParameters(), consumerIds: [consumerId] };
        const { receiveId: transportId } = owner;
        expect(await refusalOf(thief.member.trpc.media.start.mutate({ ...input, transportId }))).toBe(
          'TRANSPORT_NOT_FOUND',
        );
        // With a transport of its own it gets no further.
        expect(await thief.member.trpc.media.start.mutate({ ...input, transportId: thief.receiveId })).toEqual({
          resumed: [],
          failed: [{ consumerId, code: 'CONSUMER_NOT_FOUND' }],
        });
      },
      resume: async () => {
        const input = { roomId: owner.member.roomId, consumerIds: [consumerId] };
        expect(await thief.member.trpc.media.resume.mutate(input)).toEqual({
          resumed: [],
          failed: [{ consumerId, code: 'CONSUMER_NOT_FOUND' }],
        });
      },
    };

    it.each(Object.entries(thefts))('are refused by media.%s', async (_, steal) => {
      await steal();
    });

    it('are tried here for every procedure that takes the id of a media object', () => {
      const named = Object.keys(appRouter._def.procedures)
        .filter((path) => path.startsWith('media.'))
        .filter((path) => inputKeys(path).some((key) => /^(transport|producer|consumer)Ids?$/.test(key)))
        .map((path) => path.slice('media.'.length));
      expect(Object.keys(thefts).toSorted()).toEqual(named.toSorted());
    });

    it('leave the owner unharmed', async () => {
      const { trpc, roomId } = owner.member;
      const { producers } = await trpc.room.get.query({ roomId });
      expect(producers).toContainEqual(
        expect.objectContaining({ producerId: owner.producerId, userId: owner.member.user.id, paused: false }),
      );
    });
  });

  it('for the wrong direction are refused', async () => {
    const speaker = await speak(await enter(server, addRoom(server)));
    const { trpc, roomId } = speaker.member;
    const produce = { roomId, transportId: speaker.receiveId, rtpParameters: rtpParameters() };
    expect(await refusalOf(trpc.media.produce.mutate(produce))).toBe('TRANSPORT_WRONG_DIRECTION');
    const { producerId } = speaker;
    const consume = {
      roomId,
      transportId: speaker.sendId,
      producerIds: [producerId],
      rtpCapabilities: opusCapabilities,
    };
    expect(await refusalOf(trpc.media.consume.mutate(consume))).toBe('TRANSPORT_WRONG_DIRECTION');
    await speaker.member.client.close();
  });

  it('for a second transport of a direction replace the first with all that was on it', async () => {
    const roomId = addRoom(server);
    await using observer = await enter(server, roomId);
    using media = await follow(observer, 'media');
    const { member, sendId, producerId } = await speak(await enter(server, roomId));
    const again = await member.trpc.media.createTransport.mutate({ roomId, direction: 'send' });
    expect(again.transportId).not.toBe(sendId);
    expect(await refusalOf(member.trpc.media.restartIce.mutate({ roomId, transportId: sendId }))).toBe(
      'TRANSPORT_NOT_FOUND',
    );
    await eventually(() => expect(media.of('producerClosed')).toMatchObject([{ producerId }]));
    expect((await observer.trpc.room.get.query({ roomId })).producers).toEqual([]);
    await member.client.close();
  });

  it('for a second producer of a source replace the first, and keep one of another source', async () => {
    const roomId = addRoom(server);
    await using observer = await enter(server, roomId);
    const { member, sendId, producerId } = await speak(await enter(server, roomId));
    const produce = (source: 'microphone' | 'music') =>
      member.trpc.media.produce.mutate({ roomId, transportId: sendId, source, rtpParameters: rtpParameters() });
    const music = await produce('music');
    const microphone = await produce('microphone');
    const { producers } = await observer.trpc.room.get.query({ roomId });
    expect(producers.map((producer) => producer.producerId).toSorted()).toEqual(
      [music.producerId, microphone.producerId].toSorted(),
    );
    expect(microphone.producerId).not.toBe(producerId);
    await member.client.close();
  });

  it('leave no producer behind when the speaker leaves the seat', async () => {
    const roomId = addRoom(server);
    await using observer = await enter(server, roomId);
    using media = await follow(observer, 'media');
    const { member, producerId } = await speak(await enter(server, roomId));
    await member.trpc.seat.leave.mutate({ roomId });
    await eventually(() =>
      expect(media.of('producerClosed')).toEqual([
        { type: 'producerClosed', producerId, userId: member.user.id, reason: 'seatLeft' },
      ]),
    );
    expect(await refusalOf(member.trpc.media.resumeProducer.mutate({ roomId, producerId }))).toBe('PRODUCER_NOT_FOUND');
    await member.client.close();
  });

  it.each<[string, Record<string, unknown>]>([
    ['no codec', { ...rtpParameters(), codecs: [] }],
    [
      'a codec of video',
      { ...rtpParameters(), codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 }] },
    ],
    ['a bitrate that is no integer', { ...rtpParameters(), encodings: [{ ssrc: 1, maxBitrate: 1.5, ssrcs: 'x' }, {}] }],
    ['two encodings', { ...rtpParameters(), encodings: [{ ssrc: 1 }, { ssrc: 2 }] }],
    ['nothing', {}],
  ])('that describe %s are refused, and the worker goes on', async (_, parameters) => {
    await using member = await enter(server, addRoom(server));
    const { trpc, roomId } = member;
    await trpc.seat.take.mutate({ roomId });
    const { transportId } = await trpc.media.createTransport.mutate({ roomId, direction: 'send' });
    const produce = (what: unknown) =>
      trpc.media.produce.mutate({ roomId, transportId, rtpParameters: what as ReturnType<typeof rtpParameters> });
    expect(await refusalOf(produce(parameters))).toBe('MEDIA_REJECTED');
    expect(await produce(rtpParameters())).toHaveProperty('producerId');
  });

  it('leave nothing in the workers once everybody is gone', async () => {
    const roomId = addRoom(server);
    const speakers = await Promise.all(Array.from({ length: 5 }, async () => speak(await enter(server, roomId))));
    for (const { member, receiveId } of speakers) {
      const producerIds = speakers.map(({ producerId }) => producerId);
      const { consumers } = await member.trpc.media.consume.mutate({
        roomId,
        transportId: receiveId,
        producerIds,
        rtpCapabilities: opusCapabilities,
      });
      expect(consumers).toHaveLength(5);
    }
    const [first, ...others] = speakers.map(({ member }) => member);
    await Promise.all(others.map(({ trpc }) => trpc.room.leave.mutate({ roomId })));
    await first?.trpc.room.leave.mutate({ roomId });
    await Promise.all(speakers.map(({ member }) => member.client.close()));
    // Members of the tests before may be within their grace period.
    await eventually(async () =>
      expect(await countMediaObjects(server.url, server.internalKey)).toEqual({ routers: 0, transports: 0 }),
    );
  });
});
