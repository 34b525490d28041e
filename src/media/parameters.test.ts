import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createPool,
  dtlsParameters,
  roomId,
  rtpParameters,
  sessionId,
  silentLogger,
  userId,
} from '../../test/support/media.ts';
import { cleanRtpParameters } from './parameters.ts';
import { RoomMedia } from './room-media.ts';
import type { WorkerPool } from './worker-pool.ts';

let pool: WorkerPool;
let room: RoomMedia;

beforeAll(async () => {
  pool = await createPool(1);
  room = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger });
});
afterAll(async () => {
  room.close();
  await pool.close();
});

const valid = rtpParameters(4_000);
const [codec] = valid.codecs;

const hostileRtpParameters: Record<string, unknown> = {
  nothing: undefined,
  null: null,
  'a string': 'opus',
  'no codecs': { ...valid, codecs: undefined },
  'an empty list of codecs': { ...valid, codecs: [] },
  'a null codec': { ...valid, codecs: [null] },
  'a foreign codec': { ...valid, codecs: [{ mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8_000 }] },
  'a video codec': { ...valid, codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 }] },
  'a nested codec setting': {
    ...valid,
    codecs: [{ ...codec, parameters: { useinbandfec: { valueOf: 1, toString: 1 } } }],
  },
  'a payload type out of range': { ...valid, codecs: [{ ...codec, payloadType: 4_000 }] },
  'an unknown header extension': { ...valid, headerExtensions: [{ uri: 'urn:example:unknown', id: 3 }] },
  'an SSRC that is an object': { ...valid, encodings: [{ ssrc: { valueOf: 1, toString: 1 } }] },
  simulcast: { ...valid, encodings: [{ ssrc: 1 }, { ssrc: 2 }] },
  'a number as MID': { ...valid, mid: 5 },
};

const hostileDtlsParameters: Record<string, unknown> = {
  nothing: undefined,
  'no fingerprints': { role: 'client' },
  'an empty list of fingerprints': { role: 'client', fingerprints: [] },
  'an unknown algorithm': { fingerprints: [{ algorithm: 'md5', value: 'AA:BB' }] },
  'a fingerprint that is none': { fingerprints: [{ algorithm: 'sha-256', value: 'hello' }] },
  'an object as fingerprint': { fingerprints: [{ algorithm: 'sha-256', value: { toString: 1 } }] },
  'an unknown role': { ...dtlsParameters(), role: 'boss' },
};

describe('Parameters of clients', () => {
  it.each(Object.keys(hostileRtpParameters))(
    'refuses RTP parameters with %s, and the worker still works',
    async (name) => {
      const session = { sessionId: sessionId(), userId: userId(1) };
      const { transportId } = await room.createTransport(session.sessionId, 'send');
      const options = { source: 'microphone', rtpParameters: hostileRtpParameters[name], paused: false } as const;
      await expect(room.produce(session, transportId, options)).rejects.toMatchObject({ code: 'MEDIA_REJECTED' });
      await room.produce(session, transportId, { ...options, rtpParameters: valid });
      expect(room.closeSession(session.sessionId)).toHaveLength(1);
    },
  );

  it.each(Object.keys(hostileDtlsParameters))(
    'refuses DTLS parameters with %s, and the worker still works',
    async (name) => {
      const session = sessionId();
      const { transportId } = await room.createTransport(session, 'receive');
      const connecting = room.connectTransport(session, transportId, hostileDtlsParameters[name]);
      await expect(connecting).rejects.toMatchObject({ code: 'MEDIA_REJECTED' });
      await room.connectTransport(session, transportId, dtlsParameters());
      room.closeSession(session);
    },
  );

  it('survives a bitrate that would break the request buffer of the whole worker', async () => {
    const session = { sessionId: sessionId(), userId: userId(1) };
    const { transportId } = await room.createTransport(session.sessionId, 'send');
    const encodings = [{ ssrc: 4_001, maxBitrate: 1.5 }];
    const options = { source: 'microphone', rtpParameters: { ...valid, encodings }, paused: false } as const;
    expect((await room.produce(session, transportId, options)).producerId).toBeTypeOf('string');
    await expect(room.createTransport(sessionId(), 'send')).resolves.toBeDefined();
  });

  it('drops fields that no audio producer needs and undefined ones stay harmless', () => {
    const clean = cleanRtpParameters({
      ...valid,
      mid: undefined,
      encodings: [{ ssrc: 1, rtx: { ssrc: 2 }, scalabilityMode: 'L3T3', maxBitrate: 1.5 }],
      extra: 'field',
    });
    expect(clean).toEqual({ ...valid, mid: undefined, encodings: [{ ssrc: 1 }] });
  });
});
