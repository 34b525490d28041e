import { beforeEach, describe, expect, it } from 'vitest';
import type { Topic } from '../../src/core/events.ts';
import type { RoomSnapshot } from '../../src/core/model.ts';
import type { Api } from './api.ts';
import { GiftJournal } from './gift-journal.ts';
import { silentLogger } from './logger.ts';
import type { JoinAnswer, Membership } from './membership.ts';
import type { RoomAudio } from './room-audio.ts';
import { Room } from './room.ts';
import { me, message, producer, seat, snapshot } from './room-state.fixtures.ts';

const opened = (producerId: string) => ({
  type: 'producerOpened',
  producer: producer(producerId, 2),
  mutedByHost: false,
});
const seatTaken = { type: 'seatTaken', seat: 1, userId: 2, mutedByHost: false };

describe('events of a topic that are lost', () => {
  let room: Room;
  /** Has a topic deliver something. */
  let deliver: (topic: Topic | 'activity', data: object) => void;
  /** The producers that the microphone was compared with. */
  let compared: unknown[];
  /** How often the chat's history was read. */
  let readings: number;

  const resync = (topic: Topic, told: RoomSnapshot): void => deliver(topic, { type: 'resync', snapshot: told });

  beforeEach(async () => {
    compared = [];
    readings = 0;
    const handlers = new Map<string, (item: unknown) => void>();
    const feed = (name: string) => ({
      subscribe: (_: unknown, { onData }: { onData: (item: unknown) => void }) => {
        handlers.set(name, onData);
        return { unsubscribe: () => undefined };
      },
    });
    deliver = (topic, data) => handlers.get(topic)?.({ id: '5-0', data });
    const history = () => {
      readings += 1;
      return Promise.resolve({ messages: [message(`read ${readings}`)], hasMore: false });
    };
    const api = {
      room: { onEvent: feed('room'), onActivity: feed('activity') },
      media: { onEvent: feed('media') },
      chat: { onMessage: feed('chat'), history: { query: history } },
      gift: { onEvent: feed('gift'), onOutcome: feed('outcome') },
    } as unknown as Api;
    const membership = {
      roomId: '42',
      sessionId: 's',
      on: () => () => undefined,
      api: () => api,
      retry: (run: (of: Api) => Promise<unknown>) => run(api),
    } as unknown as Membership;
    const audio = {
      blocked: false,
      on: () => () => undefined,
      start: () => Promise.resolve(),
      hear: () => undefined,
      checkProducer: (producers: unknown) => compared.push(producers),
    } as unknown as RoomAudio;
    const storage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
    const answer = { user: me, snapshot: snapshot(), media: null } as unknown as JoinAnswer;
    room = new Room(membership, answer, audio, new GiftJournal(1, storage, silentLogger), silentLogger);
    await room.begin(answer);
    await expect.poll(() => room.state.messages).toHaveLength(1);
  });

  it('of the room are made up for without undoing what the media told later', () => {
    deliver('media', opened('p'));
    resync('room', snapshot({ seats: [seat(0, 2), seat(1), seat(2)], producers: [] }));
    expect(room.state.seats[0]?.userId).toBe(2);
    expect([...room.state.producers.keys()]).toEqual(['p']);
    expect(compared).toEqual([]);
  });

  it('of the media are made up for without undoing what the room told later, and the microphone looks after itself', () => {
    deliver('room', seatTaken);
    const producers = [producer('q', 3)];
    resync('media', snapshot({ producers }));
    expect([...room.state.producers.keys()]).toEqual(['q']);
    expect(room.state.seats[1]?.userId).toBe(2);
    expect(compared).toEqual([producers]);
  });

  it('of the chat make it be read again, and change nothing else', async () => {
    deliver('room', seatTaken);
    resync('chat', snapshot());
    expect(room.state.seats[1]?.userId).toBe(2);
    await expect.poll(() => room.state.messages.map(({ id }) => id)).toEqual(['read 2']);
  });

  it('of the gifts change nothing', () => {
    deliver('room', seatTaken);
    const before = room.state;
    resync('gift', snapshot());
    expect(room.state).toBe(before);
  });
});
