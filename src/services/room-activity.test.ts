import { describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../test/support/media.ts';
import type { MemberQuality, RoomActivity } from '../core/events.ts';
import { roomIdSchema, userIdSchema } from '../core/ids.ts';
import type { ByteSink } from './byte-sink.ts';
import { RoomActivityBroadcast } from './room-activity.ts';
import { RoomFeed } from './room-feed.ts';
import type { EncodedMessages, WireFormat } from './wire-format.ts';

const wire: WireFormat = {
  events: () => ({ for: () => Buffer.alloc(0) }),
  activity: (activity): EncodedMessages => ({ for: () => Buffer.from(JSON.stringify(activity)) }),
};

async function open() {
  const onWatched = vi.fn();
  const feed = new RoomFeed(roomIdSchema.parse('1'), '0-0' as never, () => undefined);
  const broadcast = new RoomActivityBroadcast({
    feed,
    wire,
    countMembers: () => Promise.resolve(2),
    onWatched,
    logger: silentLogger,
  });
  const watch = () => {
    const seen: RoomActivity[] = [];
    const sink = {
      writable: true,
      bufferedBytes: 0,
      write: (bytes: Uint8Array) => void seen.push(JSON.parse(Buffer.from(bytes).toString()) as RoomActivity),
    };
    const watcher = { sink: sink as ByteSink, requestId: '1' };
    broadcast.watch(watcher);
    return { seen, sink, watcher };
  };
  const first = watch();
  await vi.waitFor(() => expect(first.seen).toHaveLength(1));
  return { broadcast, onWatched, first, watch };
}

const qualities = (quality: MemberQuality['quality']): MemberQuality[] => [
  { userId: userIdSchema.parse(7), quality, loss: 0.2, jitterMs: 5, rttMs: 40 },
];

describe('qualities in the activity of a room', () => {
  it('are written when they come and when they change, and not with each level', async () => {
    const { broadcast, first } = await open();
    broadcast.setQualities(qualities('poor'));
    broadcast.setLevels([{ userId: userIdSchema.parse(7), level: -20 }]);
    broadcast.setQualities(qualities('good'));
    expect(first.seen.map(({ quality }) => quality?.map((each) => each.quality))).toEqual([
      [],
      ['poor'],
      undefined,
      ['good'],
    ]);
  });

  it('reach whoever begins to watch later, and whoever was behind when they came', async () => {
    const { broadcast, first, watch } = await open();
    first.sink.bufferedBytes = 1_000_000;
    broadcast.setQualities(qualities('poor'));
    const second = watch();
    expect(second.seen.at(-1)?.quality).toEqual(qualities('poor'));
    first.sink.bufferedBytes = 0;
    broadcast.setLevels([]);
    expect(first.seen.at(-1)?.quality).toEqual(qualities('poor'));
    expect(second.seen.at(-1)).not.toHaveProperty('quality');
  });

  it('are asked for only while somebody watches', async () => {
    const { broadcast, onWatched, first, watch } = await open();
    const second = watch();
    expect(onWatched.mock.calls).toEqual([[true]]);
    broadcast.unwatch(first.watcher);
    broadcast.unwatch(first.watcher);
    expect(onWatched.mock.calls).toEqual([[true]]);
    broadcast.unwatch(second.watcher);
    expect(onWatched.mock.calls).toEqual([[true], [false]]);
  });
});
