import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { FairQueue } from './fair-queue.ts';
import { type Delivery, type Frame, Inbox } from './inbox.ts';

const textFrame = (text: string): Frame => ({ type: 'message', data: Buffer.from(text), isBinary: false });
const frameOf = (json: unknown): Frame => textFrame(JSON.stringify(json));
const call = (id: unknown, method = 'query'): object => ({ id, method });
const calls = (count: number, from = 1): object[] => Array.from({ length: count }, (_, n) => call(from + n));

/** An inbox whose calls are answered at once, unless told otherwise. */
function makeInbox({
  queue = new FairQueue(),
  log = [] as unknown[],
  answering = true,
  pay = (_calls: number): number => 0,
} = {}) {
  const prices: number[] = [];
  const reading: boolean[] = [];
  const floods: number[] = [];
  const inbox: Inbox = new Inbox({
    queue,
    pay: (count) => {
      prices.push(count);
      return pay(count);
    },
    deliver: (delivery) => {
      const said = contentOf(delivery);
      log.push(said);
      if (answering) inbox.answered(said);
    },
    read: (on) => void reading.push(on),
    onFlood: () => void floods.push(performance.now()),
  });
  return { inbox, log, prices, reading, floods };
}

/** The id of a call, or what else was delivered. */
function contentOf(delivery: Delivery): unknown {
  if (delivery.type !== 'json') return delivery.type === 'message' ? delivery.data.toString() : delivery.type;
  const { json } = delivery;
  return typeof json === 'object' && json !== null && 'id' in json ? json.id : json;
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await nextTurn();
}

describe('inboxes of one process', () => {
  it('take turns: one call of a client waits for at most one call of each other', async () => {
    const queue = new FairQueue();
    const log: unknown[] = [];
    const [flooder, other] = [makeInbox({ queue, log }), makeInbox({ queue, log })];
    for (let n = 0; n < 4; n += 1) flooder.inbox.add(frameOf(calls(50, 1 + n * 50)));
    other.inbox.add(frameOf(call('first')));
    await turns(1);
    expect(log.indexOf('first')).toBe(1);
    const before = log.length;
    other.inbox.add(frameOf(call('second')));
    await turns(1);
    expect(log.indexOf('second')).toBeLessThanOrEqual(before + 1);
    await turns(30);
    expect(log.filter((entry) => typeof entry === 'number')).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
  });

  it('handle a resubscription at once, and let the network come between longer rows', async () => {
    const { inbox, log } = makeInbox();
    inbox.add(frameOf(calls(6)));
    await turns(1);
    expect(log).toHaveLength(6);
    inbox.add(frameOf(calls(50)));
    await turns(2);
    expect(log.length).toBeLessThanOrEqual(6 + 2 * 8);
  });
});

describe('inbox', () => {
  it('delivers calls one by one and in order, and whole what is no call', async () => {
    const { inbox, log } = makeInbox();
    inbox.add(textFrame('PING'));
    inbox.add(frameOf([call(1), call('two')]));
    inbox.add({ type: 'ping', data: Buffer.alloc(0) });
    inbox.add(textFrame('{'));
    inbox.add(frameOf([]));
    inbox.add(frameOf(null));
    inbox.add({ type: 'message', data: Buffer.from('[1,2]'), isBinary: true });
    inbox.add(frameOf([[call(1)], 7]));
    await turns(3);
    expect(log).toEqual(['PING', 1, 'two', 'ping', '{', [], null, '[1,2]', [call(1)], 7]);
  });

  it('pays for each call and frame, and more for large frames and for refused batches', async () => {
    const { inbox, prices } = makeInbox();
    const costOf = async (frame: Frame): Promise<number> => {
      prices.length = 0;
      inbox.add(frame);
      await turns(10);
      return prices.reduce((sum, price) => sum + price, 0);
    };
    expect(await costOf(frameOf(call(1)))).toBe(1);
    expect(await costOf(textFrame('PING'))).toBe(1);
    expect(await costOf({ type: 'ping', data: Buffer.alloc(0) })).toBe(1);
    expect(await costOf({ type: 'pong', data: Buffer.alloc(0) })).toBe(1);
    expect(await costOf(frameOf(calls(50)))).toBe(50);
    expect(await costOf(textFrame(' '.repeat(64 * 1024)))).toBe(17);
    expect(await costOf(frameOf(Array(60).fill(1)))).toBe(61);
  });

  it('delivers a call no sooner than its time', async () => {
    let waitMs = 0;
    const { inbox, log } = makeInbox({ pay: () => waitMs });
    inbox.add(frameOf(call(1)));
    await turns(1);
    waitMs = 200;
    const began = performance.now();
    inbox.add(frameOf([call(2), call(3)]));
    await turns(5);
    expect(log).toEqual([1]);
    while (log.length < 3) await nextTurn();
    expect(performance.now() - began).toBeGreaterThanOrEqual(2 * 200 - 5);
  });

  it('has 16 calls worked on at once, and goes on with each answer', async () => {
    const { inbox, log } = makeInbox({ answering: false });
    inbox.add(frameOf(calls(50)));
    await turns(20);
    expect(log).toHaveLength(16);
    inbox.answered(3);
    inbox.answered(3);
    await turns(3);
    expect(log).toHaveLength(17);
    for (let id = 1; id <= 50; id += 1) inbox.answered(id);
    await turns(20);
    expect(log.length).toBeGreaterThan(17);
  });

  it('expects no answer to what ends a subscription or has no id', async () => {
    const { inbox, log } = makeInbox({ answering: false });
    for (let n = 0; n < 40; n += 1) inbox.add(frameOf([call(n, 'subscription.stop'), { method: 'query' }, n]));
    await turns(20);
    expect(log).toHaveLength(120);
  });

  it('takes a message without an id for the answer to a call only while that one is delivered', async () => {
    const { inbox, log } = makeInbox({ answering: false });
    inbox.add(frameOf(calls(20)));
    await turns(10);
    inbox.answered(null);
    await turns(3);
    expect(log).toHaveLength(16);
  });

  it('lets a call wait for the answer to another one with its id', async () => {
    const { inbox, log } = makeInbox({ answering: false });
    inbox.add(frameOf(call(1)));
    inbox.add(frameOf(call(1)));
    inbox.add(frameOf(call(2)));
    await turns(5);
    expect(log).toEqual([1]);
    inbox.answered(1);
    await turns(3);
    expect(log).toEqual([1, 1, 2]);
  });

  it('delivers nothing while it is held, for whatever reason, and is not paid twice', async () => {
    const { inbox, log, prices } = makeInbox();
    inbox.add(frameOf(call(1)));
    inbox.hold('unread');
    inbox.hold('unknown');
    await turns(3);
    inbox.release('unread');
    await turns(3);
    expect(log).toEqual([]);
    inbox.release('unknown');
    await turns(3);
    expect(log).toEqual([1]);
    expect(prices).toEqual([1]);
  });

  it('has no more read while much waits, until nothing waits', async () => {
    const { inbox, log, reading } = makeInbox();
    inbox.hold('unread');
    for (let id = 1; id <= 15; id += 1) inbox.add(frameOf(call(id)));
    expect(reading).toEqual([]);
    inbox.add(frameOf(call(16)));
    inbox.add(frameOf(call(17)));
    expect(reading).toEqual([false]);
    inbox.release('unread');
    await turns(2);
    expect(reading).toEqual([false]);
    await turns(2);
    expect(log).toHaveLength(17);
    expect(reading).toEqual([false, true]);
    inbox.hold('unread');
    inbox.add(textFrame('x'.repeat(64 * 1024)));
    expect(reading).toEqual([false, true, false]);
  });

  it('gives up on a client that has kept much waiting for 30 s without a pause, and on no other', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { inbox, floods } = makeInbox();
      const sendMuch = (): void =>
        Array.from({ length: 20 }, (_, n) => call(n)).forEach((json) => inbox.add(frameOf(json)));
      for (let n = 0; n < 3; n += 1) {
        inbox.hold('unread');
        sendMuch();
        vi.advanceTimersByTime(29_000);
        inbox.release('unread');
        await turns(5);
      }
      inbox.hold('unread');
      inbox.add(frameOf(call(1)));
      vi.advanceTimersByTime(60_000);
      expect(floods).toEqual([]);
      sendMuch();
      vi.advanceTimersByTime(31_000);
      expect(floods).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('delivers nothing once it is closed', async () => {
    const { inbox, log } = makeInbox();
    inbox.add(frameOf(call(1)));
    inbox.close();
    inbox.add(frameOf(call(2)));
    inbox.hold('unread');
    inbox.release('unread');
    await turns(3);
    expect(log).toEqual([]);
  });
});
