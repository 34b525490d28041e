import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { Microphone } from './microphone.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Talks for a second, says nothing for two, and talks again for a second. */
function record(dtx: boolean): { sequence: number; timestamp: number }[] {
  const packets: { sequence: number; timestamp: number }[] = [];
  const sink = {
    sendRtp: (packet: Buffer) =>
      void packets.push({ sequence: packet.readUInt16BE(2), timestamp: packet.readUInt32BE(4) }),
  };
  const startedAt = performance.now();
  const talk = { levelOf: (_: number, now: number) => (Math.floor((now - startedAt) / 1_000) % 3 === 0 ? 20 : 80) };
  const microphone = new Microphone(sink, 1, { packetTime: 20, dtx }, talk, 0);
  onTestFinished(() => microphone.close());
  vi.advanceTimersByTime(3_990);
  return packets;
}

it('sends each packet of silence without DTX', () => {
  expect(record(false)).toHaveLength(199);
});

it('leaves most of silence out with DTX, in the numbers not, and in time', () => {
  const packets = record(true);
  // 49 and 50 of speech, 10 before it begins, then one each 400 ms.
  expect(packets.length).toBeGreaterThanOrEqual(112);
  expect(packets.length).toBeLessThanOrEqual(116);
  for (const [index, { sequence }] of packets.slice(1).entries()) {
    expect(sequence).toBe(((packets[index]?.sequence ?? NaN) + 1) % 65_536);
  }
  expect(packets.at(-1)?.timestamp).toBe(198 * 960);
});
