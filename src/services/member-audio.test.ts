import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  createPool,
  opusCapabilities,
  roomId,
  rtpParameters,
  sessionId,
  silentLogger,
  userId,
} from '../../test/support/media.ts';
import { AppError } from '../core/errors.ts';
import type { NodeId } from '../core/ids.ts';
import { RouterPipe } from '../media/pipe.ts';
import { RoomMedia } from '../media/room-media.ts';
import type { WorkerPool } from '../media/worker-pool.ts';
import type { LocalMember, LocalRoom } from './local-room.ts';
import { MemberAudio } from './member-audio.ts';

let pool: WorkerPool;
let media: RoomMedia;
let member: LocalMember;
/** Whether the room has the member. */
let isMember: boolean;

const seats = { speakerOf: async () => ({ isSeated: true, isMutedByHost: false }) };
const producers = { open: vi.fn(async () => {}), pause: vi.fn(async () => {}), close: vi.fn(async () => {}) };
const audio = new MemberAudio('node' as NodeId, { producers, seats, logger: silentLogger });
const microphone = () => ({ source: 'microphone', rtpParameters: rtpParameters(), paused: false }) as const;
const code = (code: string) => expect.objectContaining({ code });

beforeAll(async () => {
  pool = await createPool(1);
});
afterAll(() => pool.close());
beforeEach(async () => {
  for (const step of Object.values(producers)) step.mockReset();
  media = await RoomMedia.open({ roomId: roomId(), pool, logger: silentLogger });
  onTestFinished(() => media.close());
  isMember = true;
  const room = { media, member: () => (isMember ? member : null) } as unknown as LocalRoom;
  member = { roomId: media.roomId, userId: userId(7), sessionId: sessionId(), room } as LocalMember;
});

async function produce(): Promise<string> {
  const { transportId } = await audio.createTransport(member, 'send');
  return (await audio.produce(member, transportId, microphone())).producerId;
}

describe('MemberAudio', () => {
  it('makes no transport for a membership that ended while the seat was looked up', async () => {
    isMember = false;
    await expect(audio.createTransport(member, 'send')).rejects.toEqual(code('NOT_IN_ROOM'));
    expect(media.counts.sessions).toBe(0);
  });

  it.each([
    { how: 'closed', end: () => void media.closeProducersOf(member.userId), refusal: 'PRODUCER_NOT_FOUND' },
    { how: 'lost with all media', end: () => media.close(), refusal: 'MEDIA_UNAVAILABLE' },
  ] as const)('takes a producer back that was $how before Redis had it', async ({ end, refusal }) => {
    const { transportId } = await audio.createTransport(member, 'send');
    producers.open.mockImplementationOnce(async () => end());
    await expect(audio.produce(member, transportId, microphone())).rejects.toEqual(code(refusal));
    expect(producers.close).toHaveBeenCalledExactlyOnceWith(member.roomId, 7, expect.any(String), 'failed');
  });

  it('tells Redis of the end of a producer when it is asked again after Redis had failed', async () => {
    const producerId = await produce();
    producers.close.mockRejectedValueOnce(new AppError('SERVICE_UNAVAILABLE'));
    await expect(audio.close(member, producerId)).rejects.toEqual(code('SERVICE_UNAVAILABLE'));
    expect(media.counts.producers).toBe(0);
    await audio.close(member, producerId);
    expect(producers.close).toHaveBeenCalledTimes(2);
  });

  it('does not hold up a join for a voice that cannot be carried, as long as a call that asks for it', async () => {
    const producerId = await produce();
    const forward = vi.spyOn(RouterPipe.prototype, 'forward').mockReturnValue(new Promise(() => undefined));
    onTestFinished(() => forward.mockRestore());
    const { transportId } = await media.createTransport(member.sessionId, 'receive');
    const consuming = media.consume(member.sessionId, transportId, [producerId], opusCapabilities);
    const listener: LocalMember = { ...member, userId: userId(8), sessionId: sessionId() };
    const description = { producerId, userId: userId(7), source: 'microphone', paused: false } as const;
    const offering = audio.offer(listener, [description], opusCapabilities);
    expect(await Promise.race([consuming.then(() => 'call'), offering.then(() => 'join')])).toBe('join');
    expect((await offering)?.consumers).toEqual([]);
    expect((await consuming).failed).toEqual([{ producerId, code: 'MEDIA_UNAVAILABLE' }]);
  });
});
